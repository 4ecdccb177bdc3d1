package dicom

import "strconv"

// A Warning tells of something in the input that is against the standard and
// that reading could live with. It quotes no value.
type Warning struct {
	Path   string // where: tags and item numbers, such as (0040,A730)[2].(0040,A043)
	Code   string // what, from the constants Warn…
	Clause string // the rule, such as "PS3.5 7.1.1"
	Offset int64  // where in the stream, in bytes
}

// String returns the warning as one line.
func (w Warning) String() string {
	s := w.Code + " at byte " + strconv.FormatInt(w.Offset, 10)
	if w.Path != "" {
		s += " in " + w.Path
	}
	return s + " (" + w.Clause + ")"
}

// What a Warning can say.
const (
	WarnNoPreamble    = "no_preamble"      // there is no preamble, or no prefix DICM
	WarnNoMeta        = "no_meta"          // there is no file meta information
	WarnNoSyntax      = "no_syntax"        // the transfer syntax is missing or unknown and was guessed
	WarnImplicit      = "implicit_vr"      // implicit VR where explicit was declared
	WarnExplicit      = "explicit_vr"      // explicit VR where implicit was declared
	WarnByteOrder     = "byte_order"       // big endian where little was declared, or the other way round
	WarnUnknownVR     = "unknown_vr"       // a VR that the standard does not have
	WarnOddLength     = "odd_length"       // a value of odd length
	WarnOverrun       = "overrun"          // a length that reaches beyond what encloses it
	WarnNoDelimiter   = "no_delimiter"     // a delimitation item is missing
	WarnDelimiter     = "stray_delimiter"  // a delimitation item where nothing is open
	WarnNoItem        = "no_item"          // something else where an item should begin
	WarnOrder         = "order"            // tags that do not ascend
	WarnPadding       = "trailing_padding" // zeros behind the last element
	WarnUndefined     = "undefined_length" // undefined length where it is not allowed
	WarnMetaLength    = "meta_length"      // the group length of the meta information is wrong
	WarnCharacterSet  = "character_set"    // a character set that is not a defined term
	WarnTruncated     = "truncated"        // the end is missing
	maxWarnings       = 200                // more are counted nowhere: the input is broken enough
	clauseElement     = "PS3.5 7.1"        // data elements
	clauseSequence    = "PS3.5 7.5"        // nesting of data sets
	clauseFile        = "PS3.10 7.1"       // file meta information
	clauseSyntax      = "PS3.5 10"         // transfer syntax
	clauseFragment    = "PS3.5 A.4"        // encapsulated pixel data
	clauseVR          = "PS3.5 6.2"        // value representation
	clauseOrder       = "PS3.5 7.1"        // ascending order
	clauseSpecificSet = "PS3.3 C.12.1.1.2" // specific character set
	clauseUnknown     = "PS3.5 6.2.2"      // UN
)
