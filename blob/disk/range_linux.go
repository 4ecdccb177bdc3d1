//go:build linux && (386 || amd64 || arm64 || loong64 || mips64 || mips64le || riscv64 || s390x)

package disk

import "syscall"

func syncFileRange(fd int, offset, n int64, flags int) error {
	return syscall.SyncFileRange(fd, offset, n, flags)
}
