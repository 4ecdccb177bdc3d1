// Package uid names, checks and makes unique identifiers of DICOM.
//
// The UIDs that the standard registers (PS3.6 Annex A) are variables by keyword;
// they are generated, see PROVENANCE.md beside this file. What a transfer syntax
// means for whoever reads a data set is told by SyntaxOf.
package uid

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is made of it; nothing is kept secret
	"fmt"
	"io"
	"math/big"
	"strings"

	"radagora/fault"
)

// maxLength is how long a UID may be (PS3.5 section 9.1).
const maxLength = 64

// A UID is a unique identifier that Parse accepted. UIDs can be compared with ==
// and be keys of maps. The zero value is no UID.
type UID struct{ s string }

// Parse returns the UID that s spells. Padding after it (NULs, spaces) does not
// count. Numbers that begin with a zero are accepted although PS3.5 section 9.1
// forbids them, because devices write them; they stay as they are, so that what is
// stored is found under the name it came with. Anything else but numbers
// between single dots, or more than 64 characters, is an error of kind Invalid,
// which quotes no text.
func Parse(s string) (UID, error) {
	s = strings.TrimRight(s, " \x00")
	switch {
	case s == "":
		return UID{}, fault.Errorf(fault.Invalid, "uid: empty")
	case len(s) > maxLength:
		return UID{}, fault.Errorf(fault.Invalid, "uid: %d characters; at most %d are allowed (PS3.5 §9.1)", len(s), maxLength)
	}
	dot := true // before the first number as after a dot, another dot is wrong
	for i := range len(s) {
		c := s[i]
		if c != '.' && (c < '0' || c > '9') || c == '.' && dot {
			return UID{}, fault.Errorf(fault.Invalid, "uid: no number at offset %d (PS3.5 §9.1)", i)
		}
		dot = c == '.'
	}
	if dot {
		return UID{}, fault.Errorf(fault.Invalid, "uid: no number at offset %d (PS3.5 §9.1)", len(s))
	}
	return UID{s}, nil
}

// Must is Parse for constants; it panics on an error.
func Must(s string) UID {
	u, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// String returns the UID as it is written, "" for none.
func (u UID) String() string { return u.s }

// IsZero reports whether u is no UID.
func (u UID) IsZero() bool { return u.s == "" }

// Strict reports whether u obeys PS3.5 section 9.1 to the letter: no number but 0
// begins with a zero.
func (u UID) Strict() bool {
	for number := range strings.SplitSeq(u.s, ".") {
		if len(number) > 1 && number[0] == '0' {
			return false
		}
	}
	return u.s != ""
}

// MarshalText implements encoding.TextMarshaler.
func (u UID) MarshalText() ([]byte, error) { return []byte(u.s), nil }

// UnmarshalText implements encoding.TextUnmarshaler; an empty text is no UID.
func (u *UID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = UID{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// New returns a UID that nobody else has: 2.25. and a random UUID as a number
// (PS3.5 Annex B.2). Randomness is read from r, which is crypto/rand.Reader save
// in tests; if that fails, so does New, with kind Unavailable.
func New(r io.Reader) (UID, error) {
	var uuid [16]byte
	if _, err := io.ReadFull(r, uuid[:]); err != nil {
		return UID{}, fault.As(fault.Unavailable, fmt.Errorf("make a uid: %w", err))
	}
	return fromUUID(uuid, 4), nil
}

// Derive returns the one UID that belongs to name within namespace, always the
// same: 2.25. and a UUID of version 5 (RFC 9562 section 5.5), whose namespace is
// the UUID of version 5 that namespace has among UIDs.
func Derive(namespace UID, name string) UID {
	// The namespace of object identifiers, RFC 9562 section 6.6.
	oid := [16]byte{0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	space := hashed(oid, namespace.s)
	return fromUUID(hashed(stamp(space, 5), name), 5)
}

// hashed returns the first bytes of the digest of space and name.
func hashed(space [16]byte, name string) [16]byte {
	digest := sha1.Sum(append(space[:], name...)) //nolint:gosec // see above
	return [16]byte(digest[:])
}

// stamp marks uuid as one of that version.
func stamp(uuid [16]byte, version byte) [16]byte {
	uuid[6] = uuid[6]&0x0F | version<<4
	uuid[8] = uuid[8]&0x3F | 0x80
	return uuid
}

// fromUUID writes uuid, marked as one of that version, as a UID.
func fromUUID(uuid [16]byte, version byte) UID {
	uuid = stamp(uuid, version)
	return UID{"2.25." + new(big.Int).SetBytes(uuid[:]).String()}
}
