package dose

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"radagora/content"
	"radagora/fault"
)

// FHIR R4 has one resource that states what a measured value is held against:
// ObservationDefinition, whose qualifiedInterval is a range for a context, a
// population and an age. It has neither publisher nor dates nor an edition, which a
// Library has, so a set is a Bundle (collection) of one Library and an
// ObservationDefinition for each row. What neither has an element for (weight,
// phantom, page, dates of a single row) is an extension per column of the table,
// so that reading gives the very rows that were written.
const (
	fhirLevel     = "https://radagora.org/fhir/StructureDefinition/reference-level-column" // extension: column and text
	fhirHead      = "https://radagora.org/fhir/StructureDefinition/reference-level-head"   // of the Library, likewise
	fhirExam      = "https://radagora.org/fhir/CodeSystem/exam"
	fhirIndicated = "https://radagora.org/fhir/CodeSystem/indication"
	fhirQuantity  = "https://radagora.org/fhir/CodeSystem/dose-quantity"
	fhirSet       = "https://radagora.org/fhir/reference-levels"
)

type (
	fhirBundle struct {
		ResourceType string      `json:"resourceType"`
		Type         string      `json:"type"`
		Entry        []fhirEntry `json:"entry"`
	}
	fhirEntry struct {
		FullURL  string          `json:"fullUrl,omitempty"`
		Resource json.RawMessage `json:"resource"`
	}
	fhirLibrary struct {
		ResourceType    string          `json:"resourceType"`
		Extension       []fhirExtension `json:"extension,omitempty"`
		URL             string          `json:"url,omitempty"`
		Version         string          `json:"version,omitempty"`
		Name            string          `json:"name,omitempty"`
		Title           string          `json:"title,omitempty"`
		Status          string          `json:"status"`
		Type            fhirConcept     `json:"type"`
		Date            string          `json:"date,omitempty"`
		Publisher       string          `json:"publisher,omitempty"`
		Description     string          `json:"description,omitempty"`
		EffectivePeriod *fhirPeriod     `json:"effectivePeriod,omitempty"`
		RelatedArtifact []fhirArtifact  `json:"relatedArtifact,omitempty"`
	}
	fhirDefinition struct {
		ResourceType        string           `json:"resourceType"`
		Extension           []fhirExtension  `json:"extension,omitempty"`
		Identifier          []fhirIdentifier `json:"identifier,omitempty"`
		Code                fhirConcept      `json:"code"`
		PermittedDataType   []string         `json:"permittedDataType,omitempty"`
		Method              *fhirConcept     `json:"method,omitempty"`
		QuantitativeDetails *fhirDetails     `json:"quantitativeDetails,omitempty"`
		QualifiedInterval   []fhirInterval   `json:"qualifiedInterval,omitempty"`
	}
	fhirDetails struct {
		Unit fhirConcept `json:"unit"`
	}
	fhirInterval struct {
		Category  string        `json:"category"`
		Range     fhirRange     `json:"range"`
		Context   *fhirConcept  `json:"context,omitempty"`
		AppliesTo []fhirConcept `json:"appliesTo,omitempty"`
		Age       *fhirRange    `json:"age,omitempty"`
		Condition string        `json:"condition,omitempty"`
	}
	fhirRange struct {
		Low  *fhirAmount `json:"low,omitempty"`
		High *fhirAmount `json:"high,omitempty"`
	}
	fhirAmount struct {
		Value  json.Number `json:"value"`
		Unit   string      `json:"unit,omitempty"`
		System string      `json:"system,omitempty"`
		Code   string      `json:"code,omitempty"`
	}
	fhirConcept struct {
		Coding []fhirCoding `json:"coding,omitempty"`
		Text   string       `json:"text,omitempty"`
	}
	fhirCoding struct {
		System  string `json:"system,omitempty"`
		Code    string `json:"code,omitempty"`
		Display string `json:"display,omitempty"`
	}
	fhirIdentifier struct {
		System string `json:"system,omitempty"`
		Value  string `json:"value,omitempty"`
	}
	fhirPeriod struct {
		Start string `json:"start,omitempty"`
		End   string `json:"end,omitempty"`
	}
	fhirArtifact struct {
		Type     string `json:"type"`
		Citation string `json:"citation,omitempty"`
		URL      string `json:"url,omitempty"`
	}
	fhirExtension struct {
		URL       string          `json:"url"`
		Extension []fhirExtension `json:"extension,omitempty"`
		Value     string          `json:"valueString,omitempty"`
	}
)

const ucumSystem = "http://unitsofmeasure.org"

// FHIR writes the set as a Bundle of FHIR R4.
func (s *LevelSet) FHIR() ([]byte, error) {
	b := fhirBundle{ResourceType: "Bundle", Type: "collection"}
	library, err := json.Marshal(s.library())
	if err != nil {
		return nil, err
	}
	b.Entry = append(b.Entry, fhirEntry{FullURL: fhirSet + "/" + s.Name(), Resource: library})
	for i := range s.Rows {
		row, err := json.Marshal(s.definition(s.Rows[i]))
		if err != nil {
			return nil, err
		}
		b.Entry = append(b.Entry, fhirEntry{Resource: row})
	}
	return json.MarshalIndent(b, "", "  ")
}

// library writes the heading.
func (s *LevelSet) library() fhirLibrary {
	l := fhirLibrary{
		ResourceType: "Library", URL: fhirSet + "/" + s.Name(), Version: s.Edition, Name: s.Name(), Title: s.Title,
		Status: map[LevelState]string{LevelDraft: "draft", LevelUsable: "active"}[s.State], Date: s.Published, Publisher: s.Authority,
		Description: s.Note, Type: codedAs("http://terminology.hl7.org/CodeSystem/library-type", "asset-collection", ""),
		RelatedArtifact: []fhirArtifact{{Type: "derived-from", Citation: s.Source, URL: s.URL}},
	}
	l.Status = cmp.Or(l.Status, "retired")
	if s.ValidFrom != "" || s.ValidTo != "" {
		l.EffectivePeriod = &fhirPeriod{s.ValidFrom, s.ValidTo}
	}
	l.Extension = columnsOf(fhirHead, [][2]string{
		{"country", s.Country},
		{"year", s.Year},
		{"page", s.Page},
		{"statistic", s.Statistic},
		{"adopted", s.Adopted},
		{"review_due", s.ReviewDue},
		{"show_as_official", yesNo(s.Official)},
		{"kind", string(s.Kind)},
	})
	return l
}

// definition writes a row.
func (s *LevelSet) definition(r LevelRow) fhirDefinition {
	c := r.Cells
	unit := codedAs(ucumSystem, c["unit"], "")
	d := fhirDefinition{
		ResourceType: "ObservationDefinition", PermittedDataType: []string{"Quantity"},
		Identifier:          []fhirIdentifier{{System: fhirSet + "/" + s.Name(), Value: r.ID}},
		Code:                codedAs(fhirQuantity, strings.ReplaceAll(c["quantity"], " ", "-"), c["quantity"]),
		QuantitativeDetails: &fhirDetails{unit},
	}
	if text := s.cell(r, "statistic"); text != "" {
		d.Method = &fhirConcept{Text: text}
	}
	in := fhirInterval{
		Category: "reference", Range: fhirRange{High: &fhirAmount{Value: json.Number(c["value"]), Unit: c["unit"], System: ucumSystem, Code: c["unit"]}},
		Condition: c["patient_group"],
	}
	exam := codedAs(fhirExam, c["exam_code"], c["examination"])
	in.Context = &exam
	if c["indication_code"] != "" {
		in.AppliesTo = append(in.AppliesTo, codedAs(fhirIndicated, c["indication_code"], c["clinical_indication"]))
	}
	if c["size_kind"] == "age_months" {
		in.Age = &fhirRange{Low: months64(c["size_min"]), High: months64(c["size_max"])}
	}
	d.QualifiedInterval = []fhirInterval{in}
	var rest [][2]string
	for _, column := range rowColumns {
		switch column {
		case "quantity", "value", "unit", "exam_code", "examination", "indication_code", "clinical_indication", "patient_group":
			continue // an element has it
		}
		rest = append(rest, [2]string{column, c[column]})
	}
	d.Extension = columnsOf(fhirLevel, rest)
	return d
}

// months64 writes an age, nil for none.
func months64(s string) *fhirAmount {
	if s == "" {
		return nil
	}
	return &fhirAmount{Value: json.Number(s), Unit: "months", System: ucumSystem, Code: "mo"}
}

// codedAs writes a code.
func codedAs(system, code, text string) fhirConcept {
	return fhirConcept{Coding: []fhirCoding{{System: system, Code: code, Display: text}}, Text: text}
}

// columnsOf writes columns that no element is for.
func columnsOf(url string, columns [][2]string) []fhirExtension {
	var all []fhirExtension
	for _, c := range columns {
		if c[1] != "" {
			all = append(all, fhirExtension{URL: url, Extension: []fhirExtension{{URL: "column", Value: c[0]}, {URL: "text", Value: c[1]}}})
		}
	}
	return all
}

// ReadLevelsFHIR reads a Bundle as FHIR writes it: the set without rows, and them.
// Entries that are no level are reported by their place, the first is 1. Invalid: it
// is no such Bundle.
func ReadLevelsFHIR(text []byte) (LevelSet, LevelTable, []content.Problem, error) {
	if len(text) > levelFileLimit {
		return LevelSet{}, LevelTable{}, nil, fault.Errorf(fault.Exhausted, "a bundle of levels has at most %d bytes", levelFileLimit)
	}
	var b fhirBundle
	if err := one(text, &b); err != nil || b.ResourceType != "Bundle" {
		return LevelSet{}, LevelTable{}, nil, fault.Errorf(fault.Invalid, "this is no FHIR Bundle")
	}
	if len(b.Entry) > levelRowLimit+1 {
		return LevelSet{}, LevelTable{}, nil, fault.Errorf(fault.Exhausted, "a set of levels has at most %d rows", levelRowLimit)
	}
	var s LevelSet
	t := LevelTable{Head: map[string]string{}}
	var problems []content.Problem
	for i, e := range b.Entry {
		var kind struct {
			ResourceType string `json:"resourceType"`
		}
		err := json.Unmarshal(e.Resource, &kind)
		switch {
		case err == nil && kind.ResourceType == "Library" && s.ID == "":
			if s, err = readLibrary(e.Resource); err != nil {
				return s, t, nil, err
			}
		case err == nil && kind.ResourceType == "ObservationDefinition":
			row, err := readDefinition(e.Resource)
			if err != nil {
				problems = append(problems, unread(i, err.Error()))
				continue
			}
			t.Rows, t.lines = append(t.Rows, row), append(t.lines, i+1)
		default:
			problems = append(problems, unread(i, "no Library and no ObservationDefinition"))
		}
	}
	if s.ID == "" {
		return s, t, nil, fault.Errorf(fault.Invalid, "the Bundle has no Library that says which set it is")
	}
	return s, t, problems, nil
}

// unread is the problem of an entry.
func unread(i int, why string) content.Problem {
	return content.Problem{Line: i + 1, Code: content.Unreadable, Args: []string{shortened(why)}}
}

// one reads JSON that ends where it ends.
func one(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.Errorf(fault.Invalid, "something follows")
	}
	return nil
}

// readLibrary reads the heading.
func readLibrary(text []byte) (LevelSet, error) {
	var l fhirLibrary
	if err := json.Unmarshal(text, &l); err != nil {
		return LevelSet{}, fault.Errorf(fault.Invalid, "the Library cannot be read")
	}
	id, err := LevelID(l.Name)
	if err != nil {
		return LevelSet{}, err
	}
	of := columns(fhirHead, l.Extension)
	s := LevelSet{ID: id, Kind: LevelKind(of["kind"]), LevelHead: LevelHead{
		Title: l.Title, Authority: l.Publisher, Country: of["country"], Year: of["year"], Edition: l.Version, Page: of["page"],
		Statistic: of["statistic"], Adopted: of["adopted"], Published: l.Date, ReviewDue: of["review_due"],
		Official: of["show_as_official"] == "yes", Note: l.Description,
	}}
	if p := l.EffectivePeriod; p != nil {
		s.ValidFrom, s.ValidTo = p.Start, p.End
	}
	if len(l.RelatedArtifact) > 0 {
		s.Source, s.URL = l.RelatedArtifact[0].Citation, l.RelatedArtifact[0].URL
	}
	return s, nil
}

// readDefinition reads a row.
func readDefinition(text []byte) (LevelRow, error) {
	var d fhirDefinition
	if err := json.Unmarshal(text, &d); err != nil {
		return LevelRow{}, fault.Errorf(fault.Invalid, "cannot be read")
	}
	if len(d.QualifiedInterval) != 1 || d.QualifiedInterval[0].Range.High == nil {
		return LevelRow{}, fault.Errorf(fault.Invalid, "a level has one interval, with an upper end")
	}
	in := d.QualifiedInterval[0]
	cells := columns(fhirLevel, d.Extension)
	cells["quantity"] = d.Code.Text
	cells["value"], cells["unit"] = in.Range.High.Value.String(), in.Range.High.Code
	cells["patient_group"] = in.Condition
	if in.Context != nil {
		cells["exam_code"], cells["examination"] = firstOf(*in.Context)
	}
	for _, a := range in.AppliesTo {
		cells["indication_code"], cells["clinical_indication"] = firstOf(a)
	}
	return LevelRow{Cells: cleaned(cells)}, nil
}

// firstOf returns code and words of a concept.
func firstOf(c fhirConcept) (code, text string) {
	if len(c.Coding) > 0 {
		code = c.Coding[0].Code
	}
	return code, c.Text
}

// columns reads what columnsOf wrote.
func columns(url string, all []fhirExtension) map[string]string {
	out := map[string]string{}
	for _, e := range all {
		var column, text string
		for _, part := range e.Extension {
			switch part.URL {
			case "column":
				column = part.Value
			case "text":
				text = part.Value
			}
		}
		if e.URL == url && column != "" {
			out[column] = text
		}
	}
	return out
}
