// Package dicom reads and writes DICOM data sets.
//
// Reading makes an index: one small entry for each element, with the place of
// its value in the stream. Values stay where they are and are decoded when
// somebody asks for them, so that a header costs microseconds, and an object of
// any size costs no more memory than its index and a bounded window of bytes.
// Reading is tolerant: what can be read is returned together with typed warnings,
// and an end that came too early is always an error. Writing is strict.
//
// The package follows PS3.5 (encoding), PS3.10 (files) and PS3.18 Annex F (JSON).
// It does no I/O of its own and decodes no pixels.
package dicom

import (
	"io"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// Edition is the edition of the DICOM standard that this program speaks of when
// it names a clause.
const Edition = "2024e"

// Bounds that apply where Options leave a field at zero.
const (
	defaultWindow   = 4 << 20
	defaultElements = 1 << 20
	defaultDepth    = 64
	defaultInflated = 2 << 30
)

// Options bound what reading may cost. The zero value and nil mean the defaults.
type Options struct {
	// Window is how many bytes of the stream are kept in memory (4 MB).
	// Values outside are read on demand where the source can seek.
	Window int
	// Elements is how many elements, items and fragments are indexed (1,048,576).
	Elements int
	// Depth is how deeply sequences may be nested (64).
	Depth int
	// Inflated is how long a deflated data set may become (2 GB).
	Inflated int64
	// StopAt ends reading before the first element of the data set itself whose
	// tag is not lower; 0 reads all. What follows is not looked at.
	StopAt tag.Tag
	// Spool, if set, is called once for a deflated data set and holds what was
	// inflated, so that values beyond the window can be read later. Without it
	// they are gone. Whoever gave the Spool closes it.
	Spool func() (Spool, error)
}

// A Spool holds inflated bytes: a temporary file, for instance.
type Spool interface {
	io.Writer
	io.ReaderAt
}

// or returns the options with the defaults filled in.
func (o *Options) or() Options {
	var all Options
	if o != nil {
		all = *o
	}
	if all.Window <= 0 {
		all.Window = defaultWindow
	}
	if all.Elements <= 0 {
		all.Elements = defaultElements
	}
	if all.Depth <= 0 {
		all.Depth = defaultDepth
	}
	if all.Inflated <= 0 {
		all.Inflated = defaultInflated
	}
	return all
}

// A File is a data set together with what tells how it is encoded. It may be
// used by several goroutines at once as far as its source allows.
type File struct {
	*Dataset
	// Meta is the file meta information, group 0002; it is empty but never nil
	// if there was none.
	Meta *Dataset
	// TransferSyntax is how the data set really is encoded. It differs from
	// what Meta says where a warning says so.
	TransferSyntax uid.UID
	// Warnings are what reading found and could live with, in order; at most
	// some hundred are kept.
	Warnings []Warning
	// Start is where the data set begins in the source, in bytes.
	Start int64
	// End is where reading stopped, counted like element offsets: from the
	// beginning of the source, or of the inflated bytes if it is deflated.
	End int64
}

// Open indexes a DICOM file (PS3.10) or a data set without meta information.
// It reads from src as values are asked for, so src must stay usable as long as
// the File is. On error the File holds what was read up to there and is nil only
// if that was nothing. Errors are Invalid (this is no DICOM, or its end is
// missing), Exhausted (a bound of o is reached) or what src returned.
func Open(src io.ReaderAt, size int64, o *Options) (*File, error) {
	return read(&source{at: src, size: size}, o.or())
}

// Read is Open for a source that cannot seek. It reads src to its end (or to
// StopAt) and keeps of the values what fits into the window.
func Read(src io.Reader, o *Options) (*File, error) {
	return read(&source{r: src, size: -1}, o.or())
}

// ReadDataset indexes a data set without meta information in the given transfer
// syntax, as it comes over an association. See Read for the rest.
func ReadDataset(src io.Reader, syntax uid.UID, o *Options) (*File, error) {
	s, all := &source{r: src, size: -1}, o.or()
	s.window = all.Window
	f := &File{Meta: empty(), TransferSyntax: syntax}
	return f, readBody(f, s, all)
}
