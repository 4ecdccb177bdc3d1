package content

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Code names a kind of problem. Messages in other languages are found by it.
type Code string

// A Problem is one thing that is wrong in a file, where, and what to do about it.
type Problem struct {
	File   string // path of the file, from the root of the content
	Line   int    // 1-based; 0 if the problem is not in a line
	Column string // name of the column or key, "" if the problem is not in one
	Code   Code
	Args   []string // what the texts of the code mention, in their order
}

// The codes of problems.
const (
	BadUTF8        Code = "bad_utf8"
	TooLarge       Code = "too_large"
	LineTooLong    Code = "line_too_long"
	ByteOrderMark  Code = "byte_order_mark"
	CarriageReturn Code = "carriage_return"
	Control        Code = "control_character"
	Quote          Code = "double_quote"
	Space          Code = "outer_space"
	BlankLine      Code = "blank_line"
	NoHeader       Code = "no_header"
	SameColumn     Code = "same_column"
	FieldCount     Code = "field_count"
	UnknownColumn  Code = "unknown_column"
	MissingColumn  Code = "missing_column"
	BadYAML        Code = "bad_yaml"
	YAMLFeature    Code = "yaml_feature"
	Unreadable     Code = "unreadable"
	MissingFile    Code = "missing_file"
	UnknownFile    Code = "unknown_file"
	UnknownKind    Code = "unknown_kind"
	WrongID        Code = "wrong_id"
	Empty          Code = "empty"
	NotAllowed     Code = "not_allowed"
	NotIdentifier  Code = "not_identifier"
	NotInteger     Code = "not_integer"
	NotNumber      Code = "not_number"
	NotPositive    Code = "not_positive"
	NotDate        Code = "not_date"
	Backwards      Code = "backwards"
	SameKey        Code = "same_key"
	Unknown        Code = "unknown_reference"
	UnitMismatch   Code = "unit_mismatch"
	BothValid      Code = "both_valid"
	OfficialMixed  Code = "official_mixed"
	OtherSet       Code = "other_set"
	SelfChecked    Code = "self_checked"
	NotChecked     Code = "not_checked"
	BadPolicy      Code = "bad_policy"
	BadForm        Code = "bad_form"
)

// texts says in English what is wrong and what to do. Args fill the verbs: first
// those of the reason, then those of the way out.
var texts = map[Code]struct{ reason, fix string }{
	BadUTF8:        {"is not UTF-8", "save the file as UTF-8"},
	TooLarge:       {"is larger than %s bytes", "split it into several sets"},
	LineTooLong:    {"is longer than %s bytes", "shorten the longest field"},
	ByteOrderMark:  {"begins with a byte order mark", "save it as UTF-8 without one"},
	CarriageReturn: {"ends with a carriage return", "use line ends of one line feed (LF)"},
	Control:        {"holds a control character", "remove it"},
	Quote:          {"holds a double quote", "fields are never quoted: remove it, or write ” instead"},
	Space:          {"begins or ends with a space", "remove it"},
	BlankLine:      {"is blank", "remove the line"},
	NoHeader:       {"has no header line", "name the columns in the first line, between tabs"},
	SameColumn:     {"names the column twice", "name each column once"},
	FieldCount:     {"has %s fields, the header %s", "separate the fields by one tab each, empty ones too"},
	UnknownColumn:  {"is no column of this table", "known are: %s"},
	MissingColumn:  {"is missing", "add the column"},
	BadPolicy:      {"is no list of policies: %s", "compare with docs.cedarpolicy.com"},
	BadYAML:        {"is not as expected: %s", "compare with docs/format/content.md"},
	YAMLFeature:    {"uses %s", "write it out plainly"},
	Unreadable:     {"cannot be read: %s", "look at the file and its permissions"},
	MissingFile:    {"is missing", "a set of kind %s needs it"},
	UnknownFile:    {"belongs to no set of kind %s", "remove or rename it"},
	UnknownKind:    {"%s is no kind of content", "known are: %s"},
	WrongID:        {"is %s, but the folder is called %s", "make them the same"},
	Empty:          {"is empty", "fill it in"},
	NotAllowed:     {"%s is not allowed", "allowed are: %s"},
	NotIdentifier:  {"%s is not a code", "use letters, digits and _ . - / without spaces, beginning with a letter or digit"},
	NotInteger:     {"%s is not a whole number", "write digits only"},
	NotNumber:      {"%s is not a decimal number", "write it with a decimal point and without unit"},
	NotPositive:    {"%s is not above 0", "compare with the source"},
	NotDate:        {"%s is not a date", "write YYYY-MM-DD, or YYYY alone"},
	Backwards:      {"%s ends before it begins with %s", "compare with the source"},
	SameKey:        {"%s stands already in line %s", "keep one of the two"},
	Unknown:        {"%s is not known as %s", "add it to a set of kind %s, or correct it"},
	UnitMismatch:   {"%s cannot be converted for %s", "convertible are: %s"},
	BothValid:      {"is valid on the same day as line %s for the same examination, indication, size and quantity", "close one of them with valid_to, or keep one"},
	OfficialMixed:  {"is %s, but set.yaml says official: %s", "put official and other levels into different sets"},
	OtherSet:       {"is %s in a set called %s", "make them the same"},
	SelfChecked:    {"is who transcribed it", "let a second person check it"},
	BadForm:        {"%s", "correct the form where it is named"},
	NotChecked:     {"approved, but nobody checked it", "name who checked it, or write draft"},
}

// Reason says in English what is wrong.
func (p Problem) Reason() string {
	reason, _ := p.words()
	return reason
}

// Fix says in English what to do.
func (p Problem) Fix() string {
	_, fix := p.words()
	return fix
}

// words fills the texts of p with its arguments.
func (p Problem) words() (reason, fix string) {
	t := texts[p.Code]
	args := make([]any, len(p.Args))
	for i, a := range p.Args {
		args[i] = a
	}
	n := min(strings.Count(t.reason, "%s"), len(args))
	return fmt.Sprintf(t.reason, args[:n]...), fmt.Sprintf(t.fix, args[n:]...)
}

// String returns file, line, column, reason and way out in one line.
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, p.Line)
	}
	if p.Column != "" {
		where += ": " + p.Column
	}
	reason, fix := p.words()
	return fmt.Sprintf("%s: %s; %s", where, reason, fix)
}

// sorted returns problems in the order of files, lines and columns, each once.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return slices.CompactFunc(problems, func(a, b Problem) bool { return a.String() == b.String() })
}
