package dicom

import (
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// What an entry is.
type kind uint8

const (
	element   kind = iota // a data element with a value
	sequence              // a data element whose value is items
	fragments             // a data element whose value is fragments (PS3.5 A.4)
	item                  // an item of a sequence: a data set
	fragment              // a fragment, the first one being the offset table
)

// An entry is what the index holds for one element, item or fragment: 32 bytes.
type entry struct {
	off  int64   // where the value begins
	size int64   // its length; of a container, without the closing delimiter
	tag  tag.Tag // what it is
	next uint32  // the entry that follows this one and all it encloses
	vr   vr.VR   // 0 for items and fragments
	kind kind
	big  bool // the value is big endian
}

// container reports whether entries may be enclosed by e.
func (e *entry) container() bool { return e.kind != element && e.kind != fragment }

// An index is a data set in document order. It is immutable once read.
type index struct {
	entries []entry
	src     *source
	deflate bool // offsets count inflated bytes
}

// find returns the first entry with tag t among the siblings in [lo, hi).
func (x *index) find(t tag.Tag, lo, hi uint32) (uint32, bool) {
	for i := lo; i < hi; i = x.entries[i].next {
		if x.entries[i].tag == t {
			return i, true
		}
	}
	return 0, false
}
