package dose

import (
	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Reader reads dose reports. It may be used by several goroutines at once.
type Reader struct {
	Thresholds Thresholds
}

// Read reads the dose report in d with the default thresholds.
func Read(d *dicom.Dataset) (*Report, error) { return Reader{Defaults()}.Read(d) }

// Read reads the dose report in d. An object of any SOP class is one if its title
// is X-Ray Radiation Dose Report or Radiopharmaceutical Radiation Dose Report;
// anything else, and a dose report of a kind that is not read yet, is
// fault.Unsupported. What does not hold together is in the warnings of the
// report, never an error.
func (rd Reader) Read(d *dicom.Dataset) (*Report, error) {
	doc, err := sr.Parse(d)
	if err != nil {
		return nil, fault.Errorf(fault.Unsupported, "no dose report: %w", err)
	}
	title := doc.Root.Concept
	if k := key(title); k != titleXRay && k != titleNuclear {
		return nil, fault.Errorf(fault.Unsupported, "no dose report: %s", entitled(title))
	}
	in := &intake{r: &Report{Title: title, Template: doc.TemplateID}, zone: d.Text(tag.TimezoneOffsetFromUTC)}
	in.r.header(d, rd.Thresholds, &in.warnings)
	in.documentWarnings(d, doc)
	in.walk(doc.Root, owner{in: inRoot, values: &in.r.Values})
	if in.r.Kind = kindOf(in.r); in.r.Kind == "" {
		return nil, fault.Errorf(fault.Unsupported, "no dose report: neither totals nor events of a known template")
	}
	in.r.settle(&in.warnings)
	rd.Thresholds.check(in.r, &in.warnings)
	in.r.Warnings = in.list
	return in.r, nil
}

// The titles of dose reports (PS3.16 TID 10001.1, 10011.1, 10021.1).
const (
	titleXRay    = "113701|DCM"
	titleNuclear = "113500|DCM"
)

// entitled says what stands in place of the title of a dose report.
func entitled(title sr.Code) string {
	if title.Value == "" {
		return "a structured report without a title"
	}
	return "a structured report with the title (" + title.Value + ", " + title.Scheme + ")"
}

// kindOf decides what kind of report r is: by what it holds, then by template,
// and without a template by the procedure reported; "" if none of them says, and
// for a template that is not read yet.
func kindOf(r *Report) Kind {
	procedure, _ := r.Values.Find(FieldProcedure)
	mammography := key(procedure.Coded.Written) == "71651007|SCT"
	by := []scope{r.held, scopeOfTemplate[r.Template]}
	if r.Template == "" {
		by = append(by, scopeOfProcedure[key(procedure.Coded.Written)])
	}
	for _, in := range by {
		switch in {
		case inCTEvent:
			return CT
		case inAdministration:
			return Nuclear
		case inXRayEvent:
			if mammography {
				return Mammography
			}
			return Projection
		default: // it does not say
		}
	}
	return ""
}

// scopeOfTemplate tells the kind of report by its template.
var scopeOfTemplate = map[string]scope{"10001": inXRayEvent, "10011": inCTEvent, "10021": inAdministration}

// scopeOfProcedure tells the kind of report by the procedure reported
// (PS3.16 TID 10001.2, 10011.2).
var scopeOfProcedure = map[string]scope{
	"113704|DCM":   inXRayEvent,
	"71651007|SCT": inXRayEvent,
	"77477000|SCT": inCTEvent,
}

// An intake is the reading of one report.
type intake struct {
	r    *Report
	zone string
	warnings
}

// An owner is who the values of a part of the tree belong to.
type owner struct {
	in      scope
	values  *Values
	event   *Event
	total   *Total
	check   *Check
	valueAt int // of the item above within values, counted from 1; 0 if it is none
}

// walk reads what is below i into o and those who begin there.
func (in *intake) walk(i *sr.Item, o owner) {
	for _, c := range i.Children {
		in.item(c, o)
	}
}

// item reads one content item and what is below it.
func (in *intake) item(c *sr.Item, o owner) {
	k := conceptKey(c.Concept)
	if k == "113745|DCM" && isYesNo(c.Code) {
		k = "113945|DCM" // X-Ray Detector Data Available under the code of Patient Table Relationship
	}
	if opener, ok := openers[k]; ok {
		if next, ok := in.open(c, opener.scope, o); ok {
			in.walk(c, next)
		}
		return
	}
	o.valueAt = 0
	if row, ok := conceptOf[place{o.in, k}]; ok {
		v := row.read(c, in.zone, &in.warnings)
		*o.values = append(*o.values, v)
		o.valueAt = len(*o.values)
		if o.in == inRoot {
			in.observer(v)
		}
	}
	at := o.valueAt
	for _, below := range c.Children {
		o.valueAt = at
		in.item(below, o)
		in.part(below, o, at)
	}
}

// part hands the laterality or the phantom below a value to that value.
func (in *intake) part(c *sr.Item, o owner, at int) {
	if at == 0 {
		return
	}
	f := conceptOf[place{o.in, conceptKey(c.Concept)}].field
	if f == FieldLaterality || f == FieldPhantom {
		(*o.values)[at-1].Of = coded(c.Code).Word
	}
}

// isYesNo reports whether c is one of the two codes of CID 230.
func isYesNo(c sr.Code) bool {
	w := words[key(c)]
	return w == "yes" || w == "no"
}

// open begins the part of the tree under c. It is false where such a part has no
// place: a dose check outside of an event, for instance.
func (in *intake) open(c *sr.Item, s scope, o owner) (owner, bool) {
	next := owner{in: s, event: o.event, total: o.total, check: o.check}
	switch s {
	case inCTEvent, inXRayEvent, inAdministration:
		next = owner{in: s, event: in.event(c, s)}
		next.values = &next.event.Values
	case inCTTotal, inXRayTotal:
		t := &Total{Path: c.Path}
		in.r.Totals = append(in.r.Totals, t)
		in.r.hold(s)
		next = owner{in: s, total: t, values: &t.Values}
	case inAlert, inNotification:
		if o.event == nil {
			return next, false
		}
		next.check = &Check{Path: c.Path}
		next.values = &next.check.Values
		if s == inAlert {
			o.event.Alert = next.check
		} else {
			o.event.Notification = next.check
		}
	case inCalibration:
		if o.total == nil {
			return next, false
		}
		o.total.Calibrations = append(o.total.Calibrations, Calibration{Path: c.Path})
		next.values = &o.total.Calibrations[len(o.total.Calibrations)-1].Values
	case inDevice:
		in.device(c, o)
		return next, false
	case inPerson:
		in.person(c, o)
		return next, false
	case inOrgan:
		if o.event == nil {
			return next, false
		}
		next.values = &o.event.Values
	case inPatient:
		next.values = &in.r.Values
	default:
		return next, false
	}
	return next, true
}

// event begins an event.
func (in *intake) event(c *sr.Item, s scope) *Event {
	e := &Event{Path: c.Path}
	in.r.Events = append(in.r.Events, e)
	in.r.hold(s)
	return e
}

// hold notes that the report holds a part of this scope; the first decides.
func (r *Report) hold(s scope) {
	kinds := map[scope]scope{
		inCTTotal: inCTEvent, inCTEvent: inCTEvent, inXRayTotal: inXRayEvent,
		inXRayEvent: inXRayEvent, inAdministration: inAdministration,
	}
	if r.held == inRoot {
		r.held = kinds[s]
	}
}

// observer sorts the observers at the root into devices: each UID, or each
// observer type, begins another one (PS3.16 TID 1002).
func (in *intake) observer(v Value) {
	switch v.Field {
	case FieldObserverType:
		if key(v.Coded.Written) == "121007|DCM" {
			in.r.Devices = append(in.r.Devices, Device{Path: v.Path})
		}
	case FieldDeviceUID, FieldDeviceName, FieldManufacturer, FieldModel, FieldSerial, FieldLocation:
		if len(in.r.Devices) == 0 {
			in.r.Devices = append(in.r.Devices, Device{Path: v.Path})
		}
		in.r.Devices[len(in.r.Devices)-1].set(v)
	default: // no part of an observer
	}
}

// set takes a value into the field it is meant for.
func (d *Device) set(v Value) {
	fields := map[Field]*string{
		FieldDeviceUID: &d.UID, FieldDeviceName: &d.Name, FieldManufacturer: &d.Manufacturer,
		FieldModel: &d.Model, FieldSerial: &d.Serial, FieldLocation: &d.Institution,
	}
	if at, ok := fields[v.Field]; ok && *at == "" {
		*at = v.Text
	}
}

// device reads a device participant (PS3.16 TID 1021): a role with properties.
func (in *intake) device(c *sr.Item, o owner) {
	d := Device{Path: c.Path, Role: coded(c.Code)}
	for i := range c.All() {
		if row, ok := conceptOf[place{inDevice, conceptKey(i.Concept)}]; ok {
			d.set(row.read(i, in.zone, &in.warnings))
		}
	}
	if o.event != nil {
		o.event.Devices = append(o.event.Devices, d)
		return
	}
	in.r.Devices = append(in.r.Devices, d)
}

// person reads a person participant (PS3.16 TID 1020): a name with properties.
func (in *intake) person(c *sr.Item, o owner) {
	p := Person{Path: c.Path, Name: Hide(c.Text)}
	for i := range c.All() {
		row, ok := conceptOf[place{inPerson, conceptKey(i.Concept)}]
		if !ok {
			continue
		}
		switch v := row.read(i, in.zone, &in.warnings); v.Field {
		case FieldRole:
			p.Role = v.Coded
		case fieldPosition:
			p.Position = v.Coded
		case fieldOrganization:
			p.Organization = v.Text
		default: // there is no other row
		}
	}
	switch {
	case o.check != nil:
		o.check.Persons = append(o.check.Persons, p)
	case o.event != nil:
		o.event.Persons = append(o.event.Persons, p)
	default:
		in.r.Persons = append(in.r.Persons, p)
	}
}

// settle fills the fields of the events, and of the patient, from the values.
func (r *Report) settle(w *warnings) {
	for _, t := range r.Totals {
		t.Plane = t.Values.Word(FieldPlane)
	}
	for _, e := range r.Events {
		e.UID, _ = uid.Parse(e.Values.Text(FieldUID))
		e.Started = momentOf(e.Values, FieldStarted)
		e.Type = e.Values.Word(FieldType)
		e.Protocol = e.Values.Text(FieldProtocol)
		e.Phantom = e.Values.Word(FieldPhantom)
		e.Plane = e.Values.Word(FieldPlane)
		e.Laterality = e.Values.Word(FieldLaterality)
		e.Repeated = e.Values.Word(FieldRepeated)
		region, _ := e.Values.Find(FieldRegion)
		e.Region = region.Coded
	}
	r.Patient.measured(r.Values)
	for _, path := range r.keys() {
		w.add(path, WarnEventTwice)
	}
}

// momentOf returns the moment of a field.
func momentOf(vs Values, f Field) Moment {
	v, _ := vs.Find(f)
	return v.Moment
}

// documentWarnings notes what the tree as a whole does wrong.
func (in *intake) documentWarnings(d *dicom.Dataset, doc *sr.Document) {
	codes := map[string]string{
		sr.WarnNoConcept: WarnNoConcept, sr.WarnValueType: WarnValueType, sr.WarnValues: WarnSeveral,
	}
	for _, w := range doc.Warnings {
		if code := codes[w.Code]; code == WarnSeveral {
			in.add(w.Path, code, 2)
		} else {
			in.add(w.Path, code)
		}
	}
	if len(d.Texts(tag.SpecificCharacterSet)) > 0 {
		return
	}
	for i := range doc.Root.All() {
		if !ascii(i.Text) || !ascii(i.Code.Meaning) {
			in.add(i.Path, WarnCharset)
			return
		}
	}
}

// ascii reports whether s is ASCII.
func ascii(s string) bool {
	for _, c := range []byte(s) {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
