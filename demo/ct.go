package demo

import (
	"math"
	"strconv"
	"time"

	"radagora/dicom/sr"
)

// An exposure is one CT acquisition. Doses are whole numbers of what fixed writes.
type exposure struct {
	*scan
	name    string // the UID is derived from
	at      time.Time
	phantom string
	ctdi    int64 // 0.01 mGy
	dlp     int64 // 0.01 mGy.cm
	length  int64 // mm
	time    int64 // 0.01 s
	current int64 // mA
}

// tomographies returns the reports of a visit to a CT room: one for each order,
// and at times one more for each step, or the last one again.
func (m *maker) tomographies(base report) []*report {
	base.template, base.procedure = "10011", base.visit.room.code(termCT)
	groups := m.exposures(base.visit, base.patient)
	if !base.visit.what.each {
		var one []exposure
		for _, g := range groups {
			one = append(one, g...)
		}
		return m.told(base, "1", one)
	}
	var all []*report
	for i, g := range groups {
		part := base
		part.what, part.accession = base.visit.what.parts[i], accession(base.visit, i+1)
		all = append(all, m.told(part, strconv.Itoa(i+1), g)...)
	}
	return all
}

// told returns the reports on some exposures.
func (m *maker) told(base report, part string, all []exposure) []*report {
	steps := []int{len(all)}
	if base.visit.every(base.visit.room.growing) {
		steps = nil
		for n := range all {
			steps = append(steps, n+1)
		}
	}
	var reports []*report
	for i, n := range steps {
		r := base
		r.number = i + 1
		r.instance = base.visit.name + "|" + part + "|" + strconv.Itoa(n)
		r.tell(all[:n])
		reports = append(reports, &r)
	}
	if base.visit.every(base.visit.room.again) {
		reports = append(reports, m.again(reports[len(reports)-1]))
	}
	return reports
}

// tell makes r the report on some exposures.
func (r *report) tell(all []exposure) {
	last := all[len(all)-1]
	r.started = all[0].at
	r.ended = last.at.Add(time.Duration(last.time) * 10 * time.Millisecond)
	r.finish(40 * time.Second)
	r.body = func(r *report) []*sr.Item { return r.tomography(all) }
}

// again returns a report as it is sent a second time, hours later: the same
// object, or the same exposures in a new one.
func (m *maker) again(r *report) *report {
	d := m.dice("again", r.instance)
	twin := *r
	twin.sent = r.sent.Add(time.Duration(d.Float64() * m.numbers["retelling_hours"] * float64(time.Hour)))
	if d.chance(0.5) {
		twin.instance += "|again"
		twin.number++
		twin.made = twin.sent
	}
	return &twin
}

// exposures throws the exposures of a visit, by the parts of its procedure.
func (m *maker) exposures(v *visit, p patient) [][]exposure {
	at := v.start.Add(time.Minute)
	var groups [][]exposure
	for _, part := range v.what.parts {
		volume := m.volumeOf(v, part)
		var all []exposure
		for i, s := range part.scans {
			name := v.name + "|" + part.id + "|" + strconv.Itoa(i)
			d := m.dice("scan", name)
			if !d.chance(s.share) {
				continue
			}
			all = append(all, m.exposure(d, s, volume, p, exposure{name: name, at: at}))
			at = at.Add(time.Duration(40+d.IntN(60)) * time.Second)
		}
		groups = append(groups, all)
	}
	return groups
}

// volumeOf returns the row of volumes that says how a room does a part of a
// procedure: that of the part where the room has one.
func (m *maker) volumeOf(v *visit, part *procedure) *volume {
	for _, x := range m.volumes {
		if x.room == v.room && x.procedure == part {
			return x
		}
	}
	return v.volume
}

// exposure throws the numbers of one exposure of e's name and time.
func (m *maker) exposure(d dice, s *scan, v *volume, p patient, e exposure) exposure {
	s = m.stepped(s, v.room, e.at)
	e.scan, e.phantom = s, s.phantom
	trend := 1.0
	if s.kind == "spiral" || s.kind == "sequenced" {
		// The dose of the room changes evenly from the beginning to the end of the year.
		trend = v.start * math.Pow(v.end/v.start, m.span.share(e.at))
		if v.phantom != "" {
			e.phantom = v.phantom
		}
	}
	ctdi := d.around(s.ctdi*m.factor(p, s.byWeight), s.spread)
	length := d.around(s.length*m.tallness(p), s.lengthSpread)
	e.length = max(1, int64(math.Round(length)))
	e.ctdi = max(1, int64(math.Round(ctdi*trend*100)))
	e.dlp = max(1, (e.ctdi*e.length+5)/10)
	pitch := s.pitch
	if pitch == 0 {
		pitch = 1
	}
	// What the tube does is the same whatever phantom the report names.
	if e.phantom == s.phantom {
		ctdi *= trend
	}
	current, seconds := ctdi*pitch/(s.perMAS*s.rotation), length/(pitch*s.total)*s.rotation
	switch s.kind {
	case "localizer":
		current, seconds = m.numbers["localizer_current"], length/m.numbers["localizer_speed"]
	case "bolus":
		current = m.numbers["bolus_current"]
		seconds = ctdi / (s.perMAS * current)
	}
	e.current, e.time = max(1, int64(math.Round(current))), max(1, int64(math.Round(seconds*100)))
	return e
}

// tallness returns how much longer a person is than the typical one of the age and
// sex the tables are for.
func (m *maker) tallness(p patient) float64 {
	if p.height == 0 {
		return 1
	}
	age := m.span.until.Sub(p.born).Hours() / (365.25 * 24)
	return p.height / m.body(p.sex, age).height
}

// tomography returns totals and events (PS3.16 TID 10012, 10013).
func (r *report) tomography(all []exposure) []*sr.Item {
	var total int64
	var events list
	for _, e := range all {
		if r.tellsDose(e) {
			total += e.dlp
		}
		events = append(events, r.acquisition(e))
	}
	var sums list
	sums.num(dcm("113812", "Total Number of Irradiation Events"), int64(len(all)), 0, unit("{events}", "events"))
	sums.num(dcm("113813", "CT Dose Length Product Total"), total, 2, unit("mGy.cm", "mGy.cm"))
	return append(list{sr.NewContainer(sr.Contains, dcm("113811", "CT Accumulated Dose Data"), sums...)}, events...)
}

// tellsDose reports whether the machine tells the dose of an exposure: many are
// silent about localizers.
func (r *report) tellsDose(e exposure) bool {
	return e.kind != "localizer" || r.visit.room.localizerDose
}

// ctTypes are the words of the table for acquisition types (CID 10013).
var ctTypes = map[string]sr.Code{
	"localizer": dcm("113805", "Constant Angle Acquisition"),
	"bolus":     dcm("113806", "Stationary Acquisition"),
	"sequenced": dcm("113804", "Sequenced Acquisition"),
}

// acquisition returns one event (TID 10013).
func (r *report) acquisition(e exposure) *sr.Item {
	room := r.visit.room
	kind, ok := ctTypes[e.kind]
	if !ok {
		kind = room.code(termSpiral)
	}
	context := termPlain
	if e.contrast {
		context = termContrast
	}
	var l list
	l.text(sr.Contains, "TEXT", dcm("125203", "Acquisition Protocol"), e.protocol)
	l.code(sr.Contains, dcm("123014", "Target Region"), room.region(e.region))
	l.code(sr.Contains, dcm("113820", "CT Acquisition Type"), kind)
	l.code(sr.Contains, room.code(termContext), room.code(context))
	l.text(sr.Contains, "UIDREF", dcm("113769", "Irradiation Event UID"), r.m.uid("event", e.name).String())
	if room.timed {
		l.text(sr.Contains, "DATETIME", dcm("111526", "DateTime Started"), e.at.Format(momentForm))
	}
	l = append(l, r.parameters(e))
	if r.tellsDose(e) {
		var dose list
		dose.num(dcm("113830", "Mean CTDIvol"), e.ctdi, 2, unit("mGy", "mGy"))
		dose.code(sr.Contains, dcm("113835", "CTDIw Phantom Type"), phantomCodes[e.phantom])
		dose.num(dcm("113838", "DLP"), e.dlp, 2, unit("mGy.cm", "mGy.cm"))
		l = append(l, sr.NewContainer(sr.Contains, dcm("113829", "CT Dose"), dose...))
	}
	if check, ok := r.checked(e); ok {
		l = append(l, check)
	}
	modulation := "XYZ"
	if e.kind == "localizer" || e.kind == "bolus" {
		modulation = "NONE"
	}
	l.text(sr.Contains, "TEXT", dcm("113842", "X-Ray Modulation Type"), modulation)
	l = append(l, r.device())
	return sr.NewContainer(sr.Contains, dcm("113819", "CT Acquisition"), l...)
}

// parameters returns how an exposure was made (TID 10013 rows 7 to 20).
func (r *report) parameters(e exposure) *sr.Item {
	mm := unit("mm", "mm")
	var l, source list
	l.num(dcm("113824", "Exposure Time"), e.time, 2, unit("s", "s"))
	l.num(dcm("113825", "Scanning Length"), e.length, 0, mm)
	l.num(dcm("113826", "Nominal Single Collimation Width"), tenths(e.single), 1, mm)
	l.num(dcm("113827", "Nominal Total Collimation Width"), tenths(e.total), 1, mm)
	if e.pitch > 0 {
		l.num(dcm("113828", "Pitch Factor"), int64(math.Round(e.pitch*100)), 2, unit("{ratio}", "ratio"))
	}
	l.num(dcm("113823", "Number of X-Ray Sources"), 1, 0, unit("{X-Ray sources}", "X-Ray sources"))
	source.text(sr.Contains, "TEXT", dcm("113832", "Identification of the X-Ray Source"), "A")
	source.num(dcm("113733", "KVP"), int64(e.kvp), 0, unit("kV", "kV"))
	source.num(dcm("113833", "Maximum X-Ray Tube Current"), e.current*5/4, 0, unit("mA", "mA"))
	source.num(dcm("113734", "X-Ray Tube Current"), e.current, 0, unit("mA", "mA"))
	if e.kind == "spiral" || e.kind == "sequenced" {
		source.num(dcm("113834", "Exposure Time per Rotation"), int64(math.Round(e.rotation*100)), 2, unit("s", "s"))
	}
	l = append(l, sr.NewContainer(sr.Contains, dcm("113831", "CT X-Ray Source Parameters"), source...))
	return sr.NewContainer(sr.Contains, dcm("113822", "CT Acquisition Parameters"), l...)
}

// tenths returns x in tenths.
func tenths(x float64) int64 { return int64(math.Round(x * 10)) }

// device returns what irradiated (TID 1021).
func (r *report) device() *sr.Item {
	room := r.visit.room
	var l list
	l.text(sr.HasProperties, "TEXT", dcm("113877", "Device Name"), room.station)
	l.text(sr.HasProperties, "TEXT", dcm("113878", "Device Manufacturer"), room.manufacturer)
	l.text(sr.HasProperties, "TEXT", dcm("113879", "Device Model Name"), room.model)
	l.text(sr.HasProperties, "TEXT", dcm("113880", "Device Serial Number"), room.serial)
	return sr.NewCode(sr.Contains, dcm("113876", "Device Role in Procedure"), dcm("113859", "Irradiating Device"), l...)
}
