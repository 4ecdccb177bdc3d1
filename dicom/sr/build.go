package sr

import (
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// Relationship types (PS3.3 C.17.3.2.4).
const (
	Contains      = "CONTAINS"
	HasConceptMod = "HAS CONCEPT MOD"
	HasObsContext = "HAS OBS CONTEXT"
	HasProperties = "HAS PROPERTIES"
	InferredFrom  = "INFERRED FROM"
)

// NewContainer returns a CONTAINER item.
func NewContainer(relationship string, concept Code, children ...*Item) *Item {
	return &Item{Relationship: relationship, ValueType: "CONTAINER", Concept: concept, Children: children}
}

// NewNum returns a NUM item. Without a value it has an empty measured value
// sequence.
func NewNum(relationship string, concept Code, raw string, unit Code, children ...*Item) *Item {
	n := &Num{Raw: raw, Unit: unit}
	if raw != "" {
		n.Values = strings.Split(raw, `\`)
	}
	return &Item{Relationship: relationship, ValueType: "NUM", Concept: concept, Num: n, Children: children}
}

// NewCode returns a CODE item.
func NewCode(relationship string, concept, value Code, children ...*Item) *Item {
	return &Item{Relationship: relationship, ValueType: "CODE", Concept: concept, Code: value, Children: children}
}

// NewText returns an item whose value is text: TEXT, UIDREF, DATETIME, DATE, TIME
// or PNAME.
func NewText(relationship, valueType string, concept Code, text string, children ...*Item) *Item {
	return &Item{Relationship: relationship, ValueType: valueType, Concept: concept, Text: text, Children: children}
}

// Append writes the tree below root into b, the data set of the document, with
// the template it follows if there is one. Path is not read: items stand where
// they stand.
func Append(b *dicom.Builder, root *Item, templateID string) {
	write(b, root)
	if templateID != "" {
		b.Sequence(tag.ContentTemplateSequence, dicom.NewBuilder().
			Text(tag.MappingResource, "DCMR").Text(tag.TemplateIdentifier, templateID))
	}
}

// write sets the elements of one content item.
func write(b *dicom.Builder, i *Item) {
	if i.Relationship != "" {
		b.Text(tag.RelationshipType, i.Relationship)
	}
	if i.ValueType != "" {
		b.Text(tag.ValueType, i.ValueType)
	}
	if i.Concept != (Code{}) {
		b.Sequence(tag.ConceptNameCodeSequence, codeItem(i.Concept))
	}
	writeValue(b, i)
	if len(i.Children) == 0 {
		return
	}
	items := make([]*dicom.Builder, len(i.Children))
	for n, c := range i.Children {
		items[n] = dicom.NewBuilder()
		write(items[n], c)
	}
	b.Sequence(tag.ContentSequence, items...)
}

// textElement is where each value type keeps its text.
var textElement = map[string]tag.Tag{
	"UIDREF": tag.UID, "DATETIME": tag.DateTime, "DATE": tag.Date, "TIME": tag.Time, "PNAME": tag.PersonName,
}

// writeValue sets the value of an item.
func writeValue(b *dicom.Builder, i *Item) {
	if i.ValueType == "CONTAINER" {
		b.Text(tag.ContinuityOfContent, "SEPARATE")
	}
	if i.Text != "" {
		t, ok := textElement[i.ValueType]
		if !ok {
			t = tag.TextValue
		}
		b.Text(t, i.Text)
	}
	if i.Code != (Code{}) || i.ValueType == "CODE" {
		b.Sequence(tag.ConceptCodeSequence, codeItem(i.Code))
	}
	if i.Num != nil {
		writeNum(b, i.Num)
	}
	if len(i.References) > 0 {
		items := make([]*dicom.Builder, len(i.References))
		for n, r := range i.References {
			items[n] = dicom.NewBuilder().
				Text(tag.ReferencedSOPClassUID, r.SOPClass).Text(tag.ReferencedSOPInstanceUID, r.SOPInstance)
		}
		b.Sequence(tag.ReferencedSOPSequence, items...)
	}
	if i.Target != "" {
		var steps []int64
		for s := range strings.SplitSeq(i.Target, ".") {
			n, _ := strconv.ParseInt(s, 10, 32)
			steps = append(steps, n)
		}
		b.Int(tag.ReferencedContentItemIdentifier, steps...)
	}
}

// writeNum sets a measurement. Raw is written as it stands, even where it is no
// decimal string: a report may have to show what a device did wrong.
func writeNum(b *dicom.Builder, n *Num) {
	if n.Qualifier != (Code{}) {
		b.Sequence(tag.NumericValueQualifierCodeSequence, codeItem(n.Qualifier))
	}
	if n.Raw == "" {
		b.Sequence(tag.MeasuredValueSequence)
		return
	}
	m := dicom.NewBuilder().Bytes(tag.NumericValue, vr.DS, []byte(n.Raw))
	if n.Unit != (Code{}) {
		m.Sequence(tag.MeasurementUnitsCodeSequence, codeItem(n.Unit))
	}
	b.Sequence(tag.MeasuredValueSequence, m)
}

// codeItem returns the item of a code sequence; an empty code has an empty item.
func codeItem(c Code) *dicom.Builder {
	b := dicom.NewBuilder()
	switch {
	case c.Value == "":
	case len(c.Value) > 16: // PS3.3 8.8: a value beyond SH is a long code value
		b.Text(tag.LongCodeValue, c.Value)
	default:
		b.Text(tag.CodeValue, c.Value)
	}
	if c.Scheme != "" {
		b.Text(tag.CodingSchemeDesignator, c.Scheme)
	}
	if c.Meaning != "" {
		b.Text(tag.CodeMeaning, c.Meaning)
	}
	return b
}
