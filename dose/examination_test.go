package dose

import (
	"fmt"
	"strings"
	"testing"

	"radagora/ucum"
)

// scan describes an event in a line: protocol, type, accession.
func scan(protocol, kind, accession string) Candidate {
	return Candidate{
		Event:     &Event{Protocol: protocol, Type: kind},
		Accession: accession, Machine: "ct1", Day: "2026-03-01",
	}
}

// radiograph describes an exposure of radiography in a line.
func radiograph(protocol, accession string) Candidate {
	c := scan(protocol, "stationary", accession)
	n := ucum.Int(1)
	c.Event.Values = Values{{Field: FieldDAP, Number: &n, Unit: "Gy.m2"}}
	return c
}

// told names the events of what Examine returns by their place in the study.
func told(events []Candidate, exams []Examination, unassigned []*Event) string {
	place := func(list []*Event) string {
		var all []string
		for _, e := range list {
			all = append(all, fmt.Sprint(position(events, e)+1))
		}
		return strings.Join(all, " ")
	}
	var all []string
	for _, x := range exams {
		code := x.Exam
		if code == "" {
			code = "unmapped"
		}
		if x.Indication != "" {
			code += "/" + x.Indication + "/" + string(x.KnownBy)
		}
		all = append(all, fmt.Sprintf("%s: %s by %s [%s]", x.Key, code, x.AssignedBy, place(x.Events)))
	}
	if len(unassigned) > 0 {
		all = append(all, "unassigned ["+place(unassigned)+"]")
	}
	return strings.Join(all, "; ")
}

func TestExamine(t *testing.T) {
	m := NewMappings([]Mapping{
		{ID: "h", Name: "Head", Source: FromProtocol, Exam: "CT_HEAD", ValidFrom: "2026-01-01"},
		{ID: "s", Name: "Stroke", Source: FromProtocol, Exam: "CT_HEAD", Indication: "STROKE_ACUTE", KnownBy: KnownByProtocol, ValidFrom: "2026-01-01"},
		{ID: "c", Name: "Chest", Source: FromProtocol, Exam: "CT_CHEST", ValidFrom: "2026-01-01"},
		{ID: "pc", Name: "CT Thorax", Source: FromProcedure, Exam: "CT_CHEST", Indication: "LUNG_CANCER", KnownBy: KnownByAssumed, ValidFrom: "2026-01-01"},
		{ID: "pa", Name: "Thorax PA", Source: FromProtocol, Exam: "XR_CHEST_PA", ValidFrom: "2026-01-01"},
		{ID: "lat", Name: "Thorax LAT", Source: FromProtocol, Exam: "XR_CHEST_LAT", ValidFrom: "2026-01-01"},
		{ID: "px", Name: "Chest two views", Source: FromProcedure, Exam: "XR_CHEST_PA", ValidFrom: "2026-01-01"},
		{ID: "po", Name: "CT Thorax tumour", Source: FromProcedure, Exam: "CT_CHEST", Indication: "LUNG_CANCER", KnownBy: KnownByOrder, ValidFrom: "2026-01-01"},
	})
	topogram := func(accession string) Candidate { return scan("Topogram", "constant_angle", accession) }
	procedure := func(name string, c Candidate) Candidate { c.Procedures = []string{name}; return c }
	for _, c := range []struct {
		name   string
		events []Candidate
		want   string
	}{
		{"nothing", nil, ""},
		{"one mapped protocol", []Candidate{topogram("A"), scan("Head", "spiral", "A")}, "1: CT_HEAD by accession [1 2]"},
		{"nobody said what it is", []Candidate{topogram("A"), scan("Foot", "spiral", "A")}, "1: unmapped by accession [1 2]"},
		{"no accession number", []Candidate{topogram(""), scan("Head", "spiral", "")}, "1: CT_HEAD by study [1 2]"},
		{"an indication by protocol", []Candidate{scan("Stroke", "spiral", "A")}, "1: CT_HEAD/STROKE_ACUTE/protocol by accession [1]"},
		{"an unmapped scan beside a mapped one", []Candidate{scan("Head", "spiral", "A"), scan("Extra", "spiral", "A")}, "1: CT_HEAD by accession [1 2]"},
		{"two orders", []Candidate{topogram("A"), scan("Head", "spiral", "A"), topogram("B"), scan("Chest", "spiral", "B")}, "1: CT_HEAD by accession [1 2]; 2: CT_CHEST by accession [3 4]"},
		{"two orders, one report without number", []Candidate{scan("Head", "spiral", "A"), scan("Chest", "spiral", "B"), scan("Head", "spiral", "")}, "1: CT_HEAD by accession [1]; 2: CT_CHEST by accession [2]; unassigned [3]"},
		{"one order, two examinations by protocol", []Candidate{topogram("A"), scan("Head", "spiral", "A"), scan("Chest", "spiral", "A")}, "unassigned [1 2 3]"},
		{"no order, two examinations by protocol", []Candidate{topogram(""), scan("Head", "spiral", ""), topogram(""), scan("Monitoring", "stationary", ""), scan("Chest", "spiral", "")}, "1: CT_HEAD by protocol [1 2]; 2: CT_CHEST by protocol [3 4 5]"},
		{"no order, and a scan nobody knows", []Candidate{scan("Head", "spiral", ""), scan("Foot", "spiral", ""), scan("Chest", "spiral", "")}, "1: CT_HEAD by protocol [1]; 2: CT_CHEST by protocol [3]; unassigned [2]"},
		{"the procedure says it", []Candidate{procedure("CT Thorax", scan("Foot", "spiral", "A"))}, "1: CT_CHEST/LUNG_CANCER/assumed by accession [1]"},
		{"a protocol contradicts the order", []Candidate{procedure("CT Thorax", topogram("A")), procedure("CT Thorax", scan("Chest", "spiral", "A")), procedure("CT Thorax", topogram("A")), procedure("CT Thorax", scan("Head", "spiral", "A"))}, "1: CT_CHEST/LUNG_CANCER/assumed by accession [1 2]; unassigned [3 4]"},
		{"the order knows the indication better", []Candidate{procedure("CT Thorax", scan("Chest", "spiral", "A")), procedure("CT Thorax tumour", scan("Chest", "spiral", "A"))}, "1: CT_CHEST/LUNG_CANCER/assumed by accession [1 2]"},
		{"bolus tracking follows the next scan", []Candidate{scan("Pre", "stationary", "A"), scan("Head", "spiral", "A"), scan("Post", "stationary", "A")}, "1: CT_HEAD by accession [1 2 3]"},
		{"two views of one order", []Candidate{radiograph("Thorax PA", "A"), radiograph("Thorax LAT", "A")}, "1: XR_CHEST_PA by protocol [1]; 2: XR_CHEST_LAT by protocol [2]"},
		{"two views, one of which the order names", []Candidate{procedure("Chest two views", radiograph("Thorax PA", "A")), procedure("Chest two views", radiograph("Thorax LAT", "A"))}, "1: XR_CHEST_PA by accession [1]; 2: XR_CHEST_LAT by protocol [2]"},
		{"two views, one nobody knows", []Candidate{radiograph("Thorax PA", "A"), radiograph("Oblique", "A")}, "1: XR_CHEST_PA by accession [1 2]"},
		{"views with fluoroscopy are one intervention", []Candidate{radiograph("Thorax PA", "A"), scan("Fluoro", "fluoroscopy", "A"), radiograph("Thorax LAT", "A")}, "unassigned [1 2 3]"},
		{"localizers alone", []Candidate{topogram("A"), topogram("A")}, "1: unmapped by accession [1 2]"},
		{"the number stands in a later report", []Candidate{scan("Head", "spiral", ""), scan("Head", "spiral", "A")}, "1: CT_HEAD by accession [1 2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exams, unassigned := Examine(c.events, m, nil, Reasons{})
			if got := told(c.events, exams, unassigned); got != c.want {
				t.Errorf("Examine:\n got %s\nwant %s", got, c.want)
			}
		})
	}
}
