// Package tag names DICOM data elements and knows the dictionary of PS3.6.
//
// A Tag is a number; constants bear the standard's keywords. The dictionary and
// the constants are generated; see PROVENANCE.md beside this file.
package tag

import "fmt"

// A Tag is the group number in the high and the element number in the low half.
type Tag uint32

// New returns the tag of a group and an element number.
func New(group, element uint16) Tag { return Tag(group)<<16 | Tag(element) }

// Group returns the group number.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element returns the element number.
func (t Tag) Element() uint16 { return uint16(t & 0xFFFF) }

// Private reports whether t belongs to a private group (PS3.5 section 7.8).
func (t Tag) Private() bool { return t&0x10000 != 0 && t.Group() > 8 && t.Group() != 0xFFFF }

// Creator reports whether t reserves a block of private elements.
func (t Tag) Creator() bool {
	e := t.Element()
	return t.Private() && e >= 0x10 && e <= 0xFF
}

// CreatorOf returns the tag of the element that names the owner of private
// element t, and whether t is such an element.
func (t Tag) CreatorOf() (Tag, bool) {
	if !t.Private() || t.Element() < 0x1000 {
		return 0, false
	}
	return New(t.Group(), t.Element()>>8), true
}

// String returns the tag in the standard's form, such as (0010,0020).
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element()) }
