//go:build unix

package main

import (
	"syscall"

	"radagora/fault"
)

// diskSpace returns what is free for the program, and what there is, in bytes.
func diskSpace(folder string) (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, 0, fault.Errorf(fault.Unavailable, "disk of %s: %w", folder, err)
	}
	block := uint64(s.Bsize) //nolint:gosec // of another type on other systems
	return clampSize(s.Bavail * block), clampSize(s.Blocks * block), nil
}
