package entry

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"radagora/dose"
	"radagora/fault"
)

// OpenREM is the product whose exports of CT, fluoroscopy, radiography, mammography and
// nuclear medicine are read, as CSV and as workbooks. They hold no Study Instance UID.
const OpenREM = "openrem"

// A remLayout is an export of OpenREM: which of its columns are what.
type remLayout struct {
	kind   dose.Kind
	totals []remColumn // one column each
	events []remColumn // after E1, E2 and so on, or alone where each row is an irradiation
}

// A remColumn is a column that holds a quantity. Names changed between versions.
type remColumn struct {
	quantity dose.Quantity
	unit     string
	plane    string
	names    []string
}

// remLayouts are the exports by what tells them apart.
var remLayouts = []remLayout{
	{
		kind:   dose.CT,
		totals: []remColumn{{dose.QuantityDLP, "mGy.cm", "", []string{"DLP total (mGy.cm)", "DLP total"}}},
		events: []remColumn{{dose.QuantityDLP, "mGy.cm", "", []string{"DLP"}}, {dose.QuantityCTDIvolMax, "mGy", "", []string{"CTDIvol"}}},
	},
	{kind: dose.Projection, totals: slices.Concat(remPlane("A"), remPlane("B"))},
	{
		kind: dose.Projection,
		totals: []remColumn{
			{dose.QuantityDAP, "cGy.cm2", "", []string{"DAP total (cGy.cm^2)"}},
			{dose.QuantityDAP, "Gy.m2", "", []string{"DAP total (Gy.m^2)"}},
		},
	},
	{kind: dose.Nuclear, totals: []remColumn{{dose.QuantityActivity, "MBq", "", []string{"Administered activity (MBq)"}}}},
	{kind: dose.Mammography, events: []remColumn{{dose.QuantityAGD, "mGy", "", []string{"AGD"}}}},
}

// remPlane returns the totals of a plane of a fluoroscopy system.
func remPlane(plane string) []remColumn {
	named := func(names ...string) (all []string) {
		for _, n := range names {
			all = append(all, plane+" "+n)
		}
		return all
	}
	return []remColumn{
		{dose.QuantityDAP, "Gy.m2", plane, named("DAP total (Gy.m^2)")},
		{dose.QuantityRP, "Gy", plane, named("Dose RP total (Gy)", "Dose RP total")},
		{dose.QuantityDAPFluoro, "Gy.m2", plane, named("Fluoro DAP total (Gy.m^2)", "Fluoro DAP total")},
		{dose.QuantityRPFluoro, "Gy", plane, named("Fluoro dose RP total (Gy)", "Fluoro dose RP total")},
		{dose.QuantityFluoroTime, "s", plane, named("Fluoro duration total (s)", "Fluoro time total")},
		{dose.QuantityDAPAcquis, "Gy.m2", plane, named("Acq. DAP total (Gy.m^2)", "Acquisition DAP total")},
		{dose.QuantityRPAcquis, "Gy", plane, named("Acq. dose RP total (Gy)", "Acquisition dose RP total")},
	}
}

// remTypes are the acquisition types of CT as the exports write them.
var remTypes = map[string]string{
	"spiral acquisition": "spiral", "sequenced acquisition": "sequenced", "constant angle acquisition": "constant_angle",
	"stationary acquisition": "stationary", "free acquisition": "free",
}

// remOf finds the layout that a header belongs to.
func remOf(at map[string]int) (remLayout, bool) {
	for _, l := range remLayouts {
		for _, c := range slices.Concat(l.totals, l.events) {
			for _, n := range c.names {
				_, alone := at[n]
				_, counted := at["E1 "+n]
				if alone || counted && l.kind == dose.Mammography {
					return l, true
				}
			}
		}
	}
	return remLayout{}, false
}

// readOpenREM reads an export of OpenREM. Where each row is an irradiation, those of one
// examination are put together.
func readOpenREM(s sheet, head int, at map[string]int) ([]row, error) {
	layout, ok := remOf(at)
	if _, dated := at["Study date"]; !ok || !dated {
		return nil, fault.Errorf(fault.Invalid, "table: it has not the columns of an export of OpenREM")
	}
	var all []row
	_, several := at["AGD"]
	byExam := map[string]int{}
	for i := head + 1; i < len(s.lines); i++ {
		if s.lines[i] == nil {
			continue
		}
		get := func(names ...string) string {
			for _, n := range names {
				if j, ok := at[n]; ok && j < len(s.lines[i]) && s.lines[i][j] != "None" {
					return s.lines[i][j]
				}
			}
			return ""
		}
		r := layout.row(i+1, len(at), get)
		if several {
			k := strings.Join([]string{r.record.Day, r.record.Clock, r.record.Accession, r.record.PatientID, r.called, r.record.Station, r.record.Description}, "\x1f")
			if j, seen := byExam[k]; seen {
				all[j].lines = append(all[j].lines, r.line)
				all[j].record.Events = append(all[j].record.Events, r.record.Events...)
				all[j].wrong = append(all[j].wrong, r.wrong...)
				continue
			}
			byExam[k] = len(all)
		}
		all = append(all, r)
	}
	return all, nil
}

// row reads one row of an export.
func (l remLayout) row(line, columns int, get func(names ...string) string) row {
	r := row{line: line, lines: []int{line}, called: get("Display name", "Station name")}
	wrong := func(column, rule string) { r.wrong = append(r.wrong, Wrong{line, column, rule}) }
	x := Record{
		Kind: l.kind, Manufacturer: get("Manufacturer"), Model: get("Model name"), Station: get("Station name", "Display name"),
		Description: get("Study description"), Procedure: get("Requested procedure", "Associated Procedure"), Accession: get("Accession number"),
		PatientID: get("Patient ID"), Name: get("Patient name"), Age: get("Age", "Patient age"),
		Height: get("Height", "Patient height"), Weight: get("Mass (kg)", "Patient mass (kg)"), Count: get("No. events", "Number of events"),
	}
	if sex := strings.ToUpper(get("Sex", "Patient sex")); sex != "" {
		x.Sex = sex[:1]
		if !strings.Contains("MFO", x.Sex) {
			x.Sex = ""
		}
	}
	var ok bool
	if get("Study date") == "" && get("Manufacturer", "Model name", "Station name", "Display name", "Institution") == "" {
		wrong("", WrongColumns) // a message that the export wrote in place of an examination
	} else if x.Day, ok = dayOf(get("Study date")); !ok {
		wrong("Study date", WrongDay)
	}
	if t := get("Study time"); t != "" {
		if x.Clock, ok = clockOf(t); !ok {
			wrong("Study time", WrongClock)
		}
	}
	if b := get("Date of birth"); b != "" {
		x.Birth, _ = dayOf(b) // the age stands beside it
	}
	if t := get("Test patient?"); t != "" && !strings.EqualFold(t, "false") && t != "0" {
		wrong("Test patient?", WrongTest)
	}
	for _, c := range l.totals {
		if v, ok := c.read("", get); ok {
			x.Values = append(x.Values, v)
		}
	}
	x.Values = onePlane(x.Values)
	x.Events = l.eventsOf(columns, get)
	r.record = x
	return r
}

// read reads the quantity of a column.
func (c remColumn) read(prefix string, get func(names ...string) string) (Value, bool) {
	for _, n := range c.names {
		if raw := get(prefix + n); raw != "" {
			return Value{Quantity: c.quantity, Raw: raw, RawUnit: c.unit, Method: dose.MethodImported, Plane: c.plane, At: prefix + n}, true
		}
	}
	return Value{}, false
}

// onePlane takes the plane from values if there is only one: the export calls that A.
func onePlane(all []Value) []Value {
	told := map[string]bool{}
	for _, v := range all {
		n, ok := number(v.Raw)
		told[v.Plane] = told[v.Plane] || !ok || n.Sign() > 0
	}
	if !told["B"] {
		all = slices.DeleteFunc(all, func(v Value) bool { return v.Plane == "B" })
		for i := range all {
			all[i].Plane = ""
		}
	}
	return all
}

// eventsOf reads the irradiations that stand in a row: one, or E1, E2 and so on.
func (l remLayout) eventsOf(columns int, get func(names ...string) string) (all []Event) {
	if l.kind == dose.Nuclear {
		if agent, nuclide := get("Radiopharmaceutical Agent"), get("Radionuclide"); agent != "" || nuclide != "" {
			e := Event{Agent: agent, Nuclide: nuclide}
			if v, ok := l.totals[0].read("", get); ok {
				e.Values = []Value{v}
			}
			return []Event{e}
		}
		return nil
	}
	if l.kind == dose.Mammography {
		if e, ok := l.event("", get); ok {
			return []Event{e}
		}
	}
	for n := 1; n <= columns && len(l.events) > 0; n++ {
		e, ok := l.event("E"+strconv.Itoa(n)+" ", get)
		if !ok {
			break
		}
		all = append(all, e)
	}
	return all
}

// event reads the irradiation whose columns begin with prefix.
func (l remLayout) event(prefix string, get func(names ...string) string) (e Event, ok bool) {
	e = Event{Protocol: get(prefix+"Protocol", prefix+"Acquisition"), Type: remTypes[strings.ToLower(get(prefix+"Type"))]}
	switch side := strings.ToLower(get(prefix + "Laterality")); {
	case strings.HasPrefix(side, "l"):
		e.Laterality = "left"
	case strings.HasPrefix(side, "r"):
		e.Laterality = "right"
	}
	for _, c := range l.events {
		if v, ok := c.read(prefix, get); ok {
			e.Values = append(e.Values, v)
		}
	}
	return e, e.Protocol != "" || e.Type != "" || len(e.Values) > 0
}

// balanced leaves out the irradiations of a CT where one of them lacks its dose: then the
// total is what counts.
func (x *Record) balanced() {
	if x.Kind == dose.Nuclear && len(x.Events) > 0 {
		x.Values = nil // the administration tells it
		return
	}
	if x.Kind != dose.CT || len(x.Values) == 0 || len(x.Events) == 0 {
		return
	}
	diagnostic := slices.ContainsFunc(x.Events, func(e Event) bool {
		return e.Type != "constant_angle" && !slices.ContainsFunc(e.Values, func(v Value) bool { return v.Quantity == dose.QuantityDLP })
	})
	if diagnostic {
		x.Events = nil
	}
}

// called returns what the rows of a table call their machines, sorted.
func called(rows []row) []string {
	names := map[string]bool{}
	for _, r := range rows {
		if r.called != "" {
			names[r.called] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
