package uid

import (
	"cmp"
	"iter"
	"sort"
)

// An Entry is what PS3.6 says of a UID.
type Entry struct {
	UID     UID
	Keyword string // "" for two SOP classes that were retired before there were keywords
	Name    string
	Type    string // "SOP Class", "Transfer Syntax", "Well-known SOP Instance" and so on, as in PS3.6
	Retired bool
	Storage bool // a SOP class whose instances C-STORE carries, retired ones included
}

// Lookup returns what the standard says of u and whether it says anything.
func Lookup(u UID) (Entry, bool) {
	i, ok := sort.Find(len(entries), func(i int) int { return cmp.Compare(u.s, entries[i].UID.s) })
	if !ok {
		return Entry{}, false
	}
	return entries[i], true
}

// Name returns the name that the standard gives to u, or "".
func Name(u UID) string {
	e, _ := Lookup(u)
	return e.Name
}

// IsStorage reports whether u is a SOP class of PS3.4 Annexes B and GG whose
// instances are stored, retired ones included. Private classes are not known.
func IsStorage(u UID) bool {
	e, _ := Lookup(u)
	return e.Storage
}

// All yields everything the standard registers and this package knows, in the
// order of the texts of the UIDs.
func All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range entries {
			if !yield(e) {
				return
			}
		}
	}
}
