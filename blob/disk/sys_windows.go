package disk

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

func datasync(f *os.File) error { return f.Sync() }

func writeback(*os.File, int64, int64) {}

func punch(*os.File, int64, int64) error { return errors.ErrUnsupported }

// lock takes the file for this process, or fails at once. The lock lies far behind
// its end, because on Windows others could not read what is locked.
func lock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}

func allocated(fi fs.FileInfo) int64 { return fi.Size() }
