//go:build !linux && !windows

package disk

import (
	"errors"
	"io/fs"
	"os"
)

func datasync(f *os.File) error { return f.Sync() }

func writeback(*os.File, int64, int64) {}

func punch(*os.File, int64, int64) error { return errors.ErrUnsupported }

func lock(*os.File) error { return nil }

func allocated(fi fs.FileInfo) int64 { return fi.Size() }
