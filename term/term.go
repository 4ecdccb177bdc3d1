// Package term answers questions about code systems, value sets and maps.
//
// It holds the project's own codes of examinations and indications with their labels,
// and the words and abbreviations by which people and machines call them (content of
// the kinds exam_codes, indication_codes and term_words), and finds codes by words in
// any of the languages: without case, accents and order of words. Every hit says which
// words told. It draws no conclusion: what a local name means a person decides.
//
// It does not hold code systems of others yet (DICOM DCM, LOINC, SNOMED CT), and no
// operations of FHIR.
package term

import (
	"slices"
	"strings"

	"radagora/content"
	"radagora/fault"
)

// A System is a code system.
type System string

// The code systems there are.
const (
	Exam       System = "exam"       // content set dose/exam
	Indication System = "indication" // content set dose/indication
)

// A Concept is a code with what it is called.
type Concept struct {
	System   System
	Code     string
	Modality string            // of an examination: CT, DX, PX, XA…
	Labels   map[string]string // by language

	names [][]string // what it is called, each as the meanings of its words
}

// Label returns what the concept is called in a language, in English where there is no
// such label.
func (c *Concept) Label(language string) string {
	if l := c.Labels[language]; l != "" {
		return l
	}
	return c.Labels["en"]
}

// An Index finds concepts. It does not change, and serves any number of goroutines.
type Index struct {
	concepts []*Concept // in the order of the content: the general before the special
	byCode   map[System]map[string]*Concept
	words    vocabulary
}

// The sets an index is made of, and the kind of the words.
const (
	setExam       = "dose/exam"
	setIndication = "dose/indication"
	setWords      = "term/word"
)

// languages are those that content has labels in.
var languages = []string{"en", "de", "fr"}

// Open makes an index of the content of a site.
func Open(library *content.Library, siteID string) (*Index, error) {
	x := &Index{byCode: map[System]map[string]*Concept{Exam: {}, Indication: {}}}
	table, err := library.Table(siteID, setWords, "words")
	if err != nil {
		return nil, err
	}
	x.words = readWords(table)
	labelled := []struct {
		system    System
		set, code string
	}{{Exam, setExam, "exam_code"}, {Indication, setIndication, "indication_code"}}
	for _, l := range labelled {
		table, err := library.Table(siteID, l.set, "codes")
		if err != nil {
			return nil, err
		}
		for row := range table.All() {
			x.add(l.system, row, l.code)
		}
	}
	if table, err = library.Table(siteID, setWords, "names"); err != nil {
		return nil, err
	}
	for row := range table.All() {
		for _, l := range labelled {
			if c := x.byCode[l.system][row.Text(l.code)]; c != nil {
				c.names = append(c.names, x.words.learn(row.Text("name")))
			}
		}
	}
	x.words.finish()
	return x, nil
}

// add adds the concept of a row of codes and labels.
func (x *Index) add(system System, row *content.Row, column string) {
	c := &Concept{System: system, Code: row.Text(column), Labels: map[string]string{}}
	if system == Exam {
		c.Modality = row.Text("modality")
	}
	for _, l := range languages {
		c.Labels[l] = row.Text("label_" + l)
		c.names = append(c.names, x.words.learn(c.Labels[l]))
	}
	x.concepts = append(x.concepts, c)
	x.byCode[system][c.Code] = c
}

// Lookup returns the concept of a code; NotFound if the system has none such.
func (x *Index) Lookup(system System, code string) (*Concept, error) {
	if c := x.byCode[system][code]; c != nil {
		return c, nil
	}
	return nil, fault.Errorf(fault.NotFound, "code system %s has no such code", system)
}

// All returns the concepts of a system in the order of its content.
func (x *Index) All(system System) []*Concept {
	return slices.DeleteFunc(slices.Clone(x.concepts), func(c *Concept) bool { return c.System != system })
}

// sameCode reports whether what was typed is the code of c.
func (c *Concept) sameCode(typed string) bool {
	return strings.EqualFold(strings.TrimSpace(typed), c.Code)
}
