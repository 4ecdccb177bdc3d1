package content

import (
	"bytes"
	"path"
)

// The file that makes a folder a set.
const metaFile = "set.yaml"

// The states a set can be in. A draft may be shown with that word; what was
// approved has been compared with its source by a second person.
const (
	Draft    = "draft"
	Approved = "approved"
)

// Meta is what set.yaml says about a set.
type Meta struct {
	ID            string `yaml:"id"`             // path of the folder, such as "dose/level/uk_ndrl_2024"
	Kind          string `yaml:"kind"`           // which tables the set has: a name of Kinds
	Title         string `yaml:"title"`          // in the language of the publisher
	Publisher     string `yaml:"publisher"`      // who answers for the knowledge
	Edition       string `yaml:"edition"`        // as the publisher calls it
	Licence       string `yaml:"licence"`        // name of a file in LICENSES, or Apache-2.0
	Attribution   string `yaml:"attribution"`    // words the licence asks for
	Source        string `yaml:"source"`         // document, table, page
	URL           string `yaml:"url"`            // where the document is found
	Date          string `yaml:"date"`           // of the document
	Status        string `yaml:"status"`         // Draft or Approved
	Official      bool   `yaml:"official"`       // may be called a national or European reference level
	ValidFrom     string `yaml:"valid_from"`     // "" if unknown
	ValidTo       string `yaml:"valid_to"`       // "" if open
	TranscribedBy string `yaml:"transcribed_by"` // who typed it in
	CheckedBy     string `yaml:"checked_by"`     // who compared it with the source; "" if nobody did
	Notes         string `yaml:"notes"`
}

// Checked reports whether a second person has compared the set with its source.
func (m Meta) Checked() bool { return m.CheckedBy != "" }

// Validity returns the time for which the set as a whole holds.
func (m Meta) Validity() Span {
	from, _ := ParseDate(m.ValidFrom)
	to, _ := ParseDate(m.ValidTo)
	return Span{From: from, To: to}
}

// readMeta reads and checks the set.yaml of the folder dir.
func readMeta(dir string, data []byte) (Meta, []Problem) {
	file := path.Join(dir, metaFile)
	var m Meta
	if problems := decodeYAML(file, data, &m); len(problems) > 0 {
		return m, problems
	}
	r := &reader{file: file}
	report := func(key string, code Code, args ...string) { r.report(keyLine(data, key), key, code, args...) }
	for _, f := range [...]struct{ key, value string }{
		{"id", m.ID},
		{"kind", m.Kind},
		{"title", m.Title},
		{"publisher", m.Publisher},
		{"edition", m.Edition},
		{"licence", m.Licence},
		{"source", m.Source},
		{"status", m.Status},
		{"transcribed_by", m.TranscribedBy},
	} {
		if f.value == "" {
			report(f.key, Empty)
		}
	}
	if m.ID != "" && m.ID != dir {
		report("id", WrongID, quoted(m.ID), quoted(dir))
	}
	if m.Status != "" && m.Status != Draft && m.Status != Approved {
		report("status", NotAllowed, quoted(m.Status), Draft+", "+Approved)
	}
	for key, value := range map[string]string{"date": m.Date, "valid_from": m.ValidFrom, "valid_to": m.ValidTo} {
		if _, ok := ParseDate(value); !ok {
			report(key, NotDate, quoted(value))
		}
	}
	if m.Validity().Backwards() {
		report("valid_to", Backwards, m.ValidTo, m.ValidFrom)
	}
	if m.CheckedBy != "" && m.CheckedBy == m.TranscribedBy {
		report("checked_by", SelfChecked)
	}
	if m.Status == Approved && !m.Checked() {
		report("status", NotChecked)
	}
	return m, r.problems
}

// keyLine returns the line in which a key of set.yaml stands, 0 if it does not.
func keyLine(data []byte, key string) int {
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if bytes.HasPrefix(text, []byte(key+":")) {
			return line
		}
	}
	return 0
}
