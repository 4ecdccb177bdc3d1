package disk

import (
	"io/fs"
	"os"
	"syscall"
)

// datasync makes the file's bytes durable, and of its metadata what is needed
// to read them.
func datasync(f *os.File) error {
	return control(f, syscall.Fdatasync)
}

// writeback tells the disk to begin writing, so that less is left to wait for
// when the object ends. It is a hint: an error changes nothing.
func writeback(f *os.File, offset, n int64) {
	const begin = 2 // SYNC_FILE_RANGE_WRITE
	_ = control(f, func(fd int) error { return syncFileRange(fd, offset, n, begin) })
}

// punch gives the bytes back to the file system; they read as zeros then.
func punch(f *os.File, offset, n int64) error {
	const punchHole, keepSize = 0x02, 0x01
	return control(f, func(fd int) error { return syscall.Fallocate(fd, punchHole|keepSize, offset, n) })
}

// lock takes the file for this process, or fails at once.
func lock(f *os.File) error {
	return control(f, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
}

// allocated is how many bytes the file takes from the disk, holes apart.
func allocated(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return fi.Size()
}

// control calls do with the descriptor and repeats it when a signal interrupts.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = do(int(fd)); failed != syscall.EINTR { //nolint:errorlint // a bare errno
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}
