package sr

import (
	"slices"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// valueTypes are the defined terms of Value Type (PS3.3 C.17.3.2.1).
var valueTypes = []string{
	"TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "UIDREF", "PNAME",
	"COMPOSITE", "IMAGE", "WAVEFORM", "SCOORD", "SCOORD3D", "TCOORD", "CONTAINER", "TABLE",
}

// texts are the elements that hold the value of an item as text, in the order of
// trust: whichever is there is read, whatever the value type says.
var texts = []tag.Tag{
	tag.TextValue, tag.UID, tag.DateTime, tag.Date, tag.Time, tag.PersonName,
}

// parse does what Parse says.
func parse(d *dicom.Dataset) (*Document, error) {
	if !d.Has(tag.ContentSequence) && !d.Has(tag.ConceptNameCodeSequence) {
		return nil, fault.Errorf(fault.Unsupported, "this is no structured report")
	}
	doc := &Document{TemplateID: d.Item(tag.ContentTemplateSequence).Text(tag.TemplateIdentifier)}
	doc.Root = doc.item(d, "1")
	return doc, nil
}

// item reads the content item that d holds, and what is below it.
func (doc *Document) item(d *dicom.Dataset, path string) *Item {
	i := &Item{
		Path:         path,
		Relationship: d.Text(tag.RelationshipType),
		ValueType:    d.Text(tag.ValueType),
		Concept:      code(d.Item(tag.ConceptNameCodeSequence)),
		Code:         code(d.Item(tag.ConceptCodeSequence)),
		Text:         text(d),
		Target:       target(d),
	}
	for _, r := range d.Items(tag.ReferencedSOPSequence) {
		i.References = append(i.References, Reference{r.Text(tag.ReferencedSOPClassUID), r.Text(tag.ReferencedSOPInstanceUID)})
	}
	doc.num(i, d)
	doc.check(i)
	for n, c := range d.Items(tag.ContentSequence) {
		i.Children = append(i.Children, doc.item(c, path+"."+strconv.Itoa(n+1)))
	}
	return i
}

// warn notes a warning.
func (doc *Document) warn(i *Item, what string) {
	doc.Warnings = append(doc.Warnings, Warning{Path: i.Path, Code: what})
}

// check warns of an item that the standard would not have so.
func (doc *Document) check(i *Item) {
	if i.ValueType != "" && !slices.Contains(valueTypes, i.ValueType) {
		doc.warn(i, WarnValueType)
	}
	if i.Concept.Value == "" && i.ValueType != "CONTAINER" && i.Target == "" && len(i.References) == 0 {
		doc.warn(i, WarnNoConcept)
	}
}

// text returns the value of an item that came as text.
func text(d *dicom.Dataset) string {
	for _, t := range texts {
		if s := strings.Join(d.Texts(t), `\`); s != "" {
			return s
		}
	}
	return ""
}

// target returns the path of the item that stands here by reference
// (PS3.3 C.17.3.2.5).
func target(d *dicom.Dataset) string {
	var steps []string
	for _, n := range d.Ints(tag.ReferencedContentItemIdentifier) {
		steps = append(steps, strconv.FormatInt(n, 10))
	}
	return strings.Join(steps, ".")
}

// code reads a code from an item of a code sequence (PS3.3 8.8).
func code(d *dicom.Dataset) Code {
	c := Code{
		Value:   d.Text(tag.CodeValue),
		Scheme:  d.Text(tag.CodingSchemeDesignator),
		Meaning: d.Text(tag.CodeMeaning),
	}
	for _, t := range []tag.Tag{tag.LongCodeValue, tag.URNCodeValue} {
		if c.Value == "" {
			c.Value = d.Text(t)
		}
	}
	return c
}

// num reads the measurement of an item. An empty sequence is a measurement
// without a value; several items are several values if they agree on the unit.
func (doc *Document) num(i *Item, d *dicom.Dataset) {
	if i.ValueType != "NUM" && !d.Has(tag.MeasuredValueSequence) {
		return
	}
	n := &Num{Qualifier: code(d.Item(tag.NumericValueQualifierCodeSequence))}
	for k, m := range d.Items(tag.MeasuredValueSequence) {
		unit := code(m.Item(tag.MeasurementUnitsCodeSequence))
		switch {
		case k == 0:
			n.Unit = unit
		case !unit.Is(n.Unit):
			doc.warn(i, WarnValues)
			continue
		}
		n.Values = append(n.Values, values(m)...)
	}
	n.Raw = strings.Join(n.Values, `\`)
	i.Num = n
}

// values returns the numbers of one measured value, "/" taken for a backslash as
// some devices write it.
func values(m *dicom.Dataset) []string {
	var all []string
	for _, s := range m.Texts(tag.NumericValue) {
		for v := range strings.SplitSeq(s, "/") {
			if v = strings.TrimSpace(v); v != "" {
				all = append(all, v)
			}
		}
	}
	return all
}
