package main

import (
	"golang.org/x/sys/windows"

	"radagora/fault"
)

// diskSpace returns what is free for the program, and what there is, in bytes.
func diskSpace(folder string) (free, total int64, err error) {
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, 0, fault.As(fault.Invalid, err)
	}
	var mine, all, left uint64
	if err := windows.GetDiskFreeSpaceEx(name, &mine, &all, &left); err != nil {
		return 0, 0, fault.Errorf(fault.Unavailable, "disk of %s: %w", folder, err)
	}
	return clampSize(mine), clampSize(all), nil
}
