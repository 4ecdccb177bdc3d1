package tag

import (
	"cmp"
	"iter"
	"sort"

	"radagora/dicom/vr"
)

// An Entry is what PS3.6 says of a data element.
type Entry struct {
	Tag     Tag
	Keyword string // "" for a few that were retired before there were keywords
	Name    string
	VM      string   // how many values, as the standard writes it: "1", "1-n", "2-2n"
	VR      vr.VR    // 0 for items and delimiters
	Or      [2]vr.VR // what else it may be, as with "US or SS"; 0 where there is nothing
	Retired bool
}

// slotBits and multiplier belong to the table in dictionary.go; tools/dictionary has them too.
const (
	slotBits   = 14
	multiplier = 0x9E3779B1
)

// find returns the number of the entry for exactly t, or -1.
func find(t Tag) int {
	for at := uint32(t) * multiplier >> (32 - slotBits); ; at = (at + 1) % (1 << slotBits) {
		n := slots[at]
		if n == 0 {
			return -1
		}
		if entries[n-1].Tag == t {
			return int(n - 1)
		}
	}
}

// locate is find for elements that may repeat.
func locate(t Tag) int {
	if n := find(t); n >= 0 {
		return n
	}
	if first := repeating(t); first != t {
		return find(first)
	}
	return -1
}

// repeating returns the first of the elements that t is a repetition of, or t:
// groups 50xx, 60xx and 7Fxx (PS3.5 section 7.6) and retired elements of groups
// 0020, 0028, 1000 and 1010.
func repeating(t Tag) Tag {
	switch group := t.Group(); {
	case t.Private():
	case group>>8 == 0x50, group>>8 == 0x60, group>>8 == 0x7F:
		return t &^ 0x00FF0000
	case group == 0x0020 && t&0xFF00 == 0x3100:
		return t&^0xFF | 0x10
	case group == 0x0028 && (t&0xFF00 == 0x0400 || t&0xFF00 == 0x0800):
		return t&^0xF0 | 0x10
	case group == 0x1000:
		return t&^0xFFF0 | 0x10
	case group == 0x1010:
		return t&^0xFFFF | 0x10
	}
	return t
}

// Lookup returns the dictionary's entry for t, with t itself as its Tag, and
// whether there is one. It knows repeating groups, group lengths and private
// creators. It does not allocate.
func Lookup(t Tag) (Entry, bool) {
	if n := locate(t); n >= 0 {
		e := entries[n]
		e.Tag = t
		return e, true
	}
	switch {
	case t.Element() == 0:
		return Entry{Tag: t, Keyword: "GenericGroupLength", Name: "Generic Group Length", VM: "1", VR: vr.UL, Retired: true}, true
	case t.Creator():
		return Entry{Tag: t, Keyword: "PrivateCreator", Name: "Private Creator", VM: "1", VR: vr.LO}, true
	}
	return Entry{}, false
}

// VROf returns the VR in which a reader of implicit VR takes t: that of the
// dictionary; UL for a group length; LO for a private creator; UN for what is
// private or not known; 0 for items and delimiters. Where the dictionary has a
// choice it is OW if that is among them (PS3.5 Annex A.1 demands it of pixel,
// overlay, curve and waveform data of 16 bits, and words can still be read as
// numbers), and the first named otherwise, so US for "US or SS"; whoever knows
// Pixel Representation (0028,0103) may know better. It does not allocate.
func VROf(t Tag) vr.VR {
	if n := locate(t); n >= 0 {
		return entries[n].VR
	}
	switch {
	case t.Element() == 0:
		return vr.UL
	case t.Creator():
		return vr.LO
	}
	return vr.UN
}

// Keyword returns the keyword of t, or "" if the dictionary has none. It does
// not allocate.
func (t Tag) Keyword() string {
	if n := locate(t); n >= 0 {
		return entries[n].Keyword
	}
	return ""
}

// Name returns the name of t, or "" if the dictionary has none. It does not
// allocate.
func (t Tag) Name() string {
	if n := locate(t); n >= 0 {
		return entries[n].Name
	}
	return ""
}

// ByKeyword returns the tag of a keyword and whether there is one; the first of
// those that repeat. Large and small letters differ. It does not allocate.
func ByKeyword(keyword string) (Tag, bool) {
	i, ok := sort.Find(len(byKeyword), func(i int) int {
		return cmp.Compare(keyword, entries[byKeyword[i]].Keyword)
	})
	if !ok {
		return 0, false
	}
	return entries[byKeyword[i]].Tag, true
}

// All yields the dictionary in the order of tags, of elements that repeat the
// first alone.
func All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range entries {
			if !yield(e) {
				return
			}
		}
	}
}
