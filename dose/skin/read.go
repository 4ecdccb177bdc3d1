package skin

import (
	"encoding/xml"
	"strings"

	"radagora/dose"
)

// Of returns what the reports of a study say that a map is made of: exposures from
// its irradiation events, each once, the machine from the first report, size and
// posture from the first report that tells them.
func Of(s *dose.Study) Examination {
	x := Examination{Height: Unknown(), Mass: Unknown()}
	for _, r := range s.Reports {
		for _, d := range append([]dose.Device{r.Device}, r.Devices...) {
			if x.Model == "" && d.Model != "" {
				x.Manufacturer, x.Model = d.Manufacturer, d.Model
			}
		}
		if !known(x.Height) && r.Patient.Height.Number != nil {
			x.Height = r.Patient.Height.Number.Float()
		}
		if !known(x.Mass) && r.Patient.Weight.Number != nil {
			x.Mass = r.Patient.Weight.Number.Float()
		}
		if x.Orientation == "" {
			x.Orientation = posture(r)
		}
	}
	for _, e := range s.Events {
		x.Exposures = append(x.Exposures, exposure(e))
	}
	return x
}

// exposure returns one irradiation event.
func exposure(e *dose.Event) Exposure {
	n := func(f dose.Field) float64 {
		d, ok := e.Number(f)
		if !ok {
			return Unknown()
		}
		return d.Float()
	}
	x := Exposure{
		Plane: e.Plane, RP: n(dose.FieldRP), DAP: n(dose.FieldDAP), KVP: n(dose.FieldKVP),
		FieldArea: n("field_area_m2"), SourceToIsocentre: n("source_to_isocentre_mm"), SourceToDetector: n("source_to_detector_mm"),
		SourceToReference: n("source_to_rp_mm"),
		Primary:           n("primary_deg"), Secondary: n("secondary_deg"), PrimaryEnd: n("primary_end_deg"), SecondaryEnd: n("secondary_end_deg"),
		TableLongitudinal: n("table_longitudinal_mm"), TableLateral: n("table_lateral_mm"), TableHeight: n("table_height_mm"),
		Turn: n("table_rotation_deg"), Tilt: n("table_tilt_deg"), Cradle: n("table_cradle_deg"),
	}
	if v, ok := e.Values.Find("reference_point"); ok {
		x.ReferencePoint = firstOf(v.Coded.Written.Value, v.Text)
	}
	x.Copper, x.Aluminium = filters(e)
	return x
}

// firstOf returns the first text that is not empty.
func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// metals are the filter materials by code (PS3.16 CID 10006, and what came before).
var metals = map[string]string{
	"C-127F9": "copper", "66925006": "copper",
	"C-120F9": "aluminium", "105830007": "aluminium", "12503006": "aluminium",
}

// filters returns the thickness of the copper and aluminium filters of an event in mm,
// Unknown where the report tells of none. A thickness belongs to the material before it.
func filters(e *dose.Event) (copper, aluminium float64) {
	sum := map[string]float64{}
	seen := map[string]bool{}
	material, counted := "", false
	for _, v := range e.Values {
		if v.Field == "filter_material" {
			material, counted = metals[v.Coded.Written.Value], false
		}
		thickness := v.Field == "filter_max_mm" || v.Field == "filter_min_mm"
		if thickness && v.Number != nil && material != "" && !counted {
			sum[material] += v.Number.Float()
			seen[material], counted = true, true
		}
	}
	copper, aluminium = Unknown(), Unknown()
	if seen["copper"] {
		copper = sum["copper"]
	}
	if seen["aluminium"] {
		aluminium = sum["aluminium"]
	}
	return copper, aluminium
}

// posture returns how the patient lay, as PS3.3 C.7.3.1.1.2 abbreviates it: from the
// codes of events, if they agree, or from the comment of Siemens reports. "" if
// nothing says it.
func posture(r *dose.Report) string {
	said := ""
	for _, e := range r.Events {
		p := coded(e, "table_relationship") + coded(e, "orientation_modifier")
		if len(p) != 3 {
			continue
		}
		if said != "" && said != p {
			return "changed"
		}
		said = p
	}
	if said != "" {
		return said
	}
	for _, v := range r.Values.All(dose.FieldComment) {
		if p := commented(v.Text); p != "" {
			return p
		}
	}
	return ""
}

// postures are the parts of an abbreviation by code (PS3.16 CID 20, 21, and what came
// before).
var postures = map[string]string{
	"F-10470": "HF", "102540001": "HF", "F-10480": "FF", "102541002": "FF",
	"F-10340": "S", "40199007": "S", "F-10310": "P", "1240000": "P",
}

// coded returns the part of an abbreviation that a coded value of an event is.
func coded(e *dose.Event, f dose.Field) string {
	v, _ := e.Values.Find(f)
	return postures[v.Coded.Written.Value]
}

// commented returns the position of the patient in the XML comment of a Siemens
// report, "" if it is none. Nothing outside of the text is ever read, and no entity is
// known.
func commented(text string) string {
	if len(text) > 1<<20 || !strings.Contains(text, "<PatientPosition>") {
		return ""
	}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		start, ok := t.(xml.StartElement)
		if !ok || start.Name.Local != "Position" {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == "SRData" {
				return strings.TrimSpace(a.Value)
			}
		}
	}
}
