package demo

import (
	"math"
	"time"

	"radagora/dicom/sr"
)

// templateNuclear is the template of reports of radiopharmaceuticals (PS3.16).
const templateNuclear = "10021"

// An administration is a row of administrations: what is given for a procedure.
type administration struct {
	procedure, agent, nuclide string
	halfLife                  float64 // s
	activity                  float64 // MBq, or MBq/kg
	perKg                     bool
	spread                    float64
	before                    int // minutes before the patient comes into the room
}

// A dosage is an administration to one patient.
type dosage struct {
	*administration
	name     string // the UID is derived from
	at       time.Time
	activity int64 // 0.1 MBq
}

// nuclear returns the reports of a visit to a room of nuclear medicine: that on the
// radiopharmaceutical, and that on the CT where one is made.
func (m *maker) nuclear(base report) []*report {
	v := base.visit
	d := m.dice("given", v.name)
	x := v.what.given
	activity := d.around(x.activity, x.spread) * v.volume.start
	if x.perKg {
		activity *= base.patient.weight
	}
	given := dosage{administration: x, name: v.name + "|given", at: v.start.Add(-time.Duration(x.before) * time.Minute), activity: steps(activity, 0.1)}
	r := base
	r.instance, r.template = v.name+"|given", templateNuclear
	r.started, r.ended = given.at, v.start
	r.finish(5 * time.Minute)
	r.body = func(r *report) []*sr.Item { return r.administered(given) }
	all := []*report{&r}
	if len(v.what.scans) > 0 {
		all = append(all, m.tomographies(base)...)
	}
	return all
}

// administered returns what was given, and to whom (TID 10021, 10022, 10024).
func (r *report) administered(x dosage) []*sr.Item {
	room := r.visit.room
	nuclide := sr.NewCode(sr.HasProperties, room.code(termNuclide), room.code(nuclides[x.nuclide]))
	halfLife := sr.NewNum(sr.HasProperties, room.code(termHalfLife), fixed(int64(math.Round(x.halfLife*10)), 1), second)
	l := list{sr.NewCode(sr.Contains, room.code(termAgent), agents[x.agent], nuclide, halfLife)}
	l.text(sr.Contains, "UIDREF", dcm("113503", "Radiopharmaceutical Administration Event UID"), r.m.uid("event", x.name).String())
	l.text(sr.Contains, "DATETIME", dcm("123003", "Radiopharmaceutical Start DateTime"), x.at.Format(momentForm))
	l.text(sr.Contains, "DATETIME", dcm("123004", "Radiopharmaceutical Stop DateTime"), x.at.Format(momentForm))
	l.num(dcm("113507", "Administered activity"), x.activity, 1, unit("MBq", "MBq"))
	l.code(sr.Contains, room.code(termRoute), room.code(termIntravenous))
	all := []*sr.Item{sr.NewContainer(sr.Contains, dcm("113502", "Radiopharmaceutical Administration"), l...)}
	if !r.sized {
		return all
	}
	var person list
	person.num(sr.Code{Value: "8302-2", Scheme: "LN", Meaning: "Patient Height"}, int64(math.Round(r.patient.height*100)), 0, unit("cm", "cm"))
	person.num(sr.Code{Value: "29463-7", Scheme: "LN", Meaning: "Patient Weight"}, int64(math.Round(r.patient.weight)), 0, unit("kg", "kg"))
	return append(all, sr.NewContainer(sr.Contains, dcm("121118", "Patient Characteristics"), person...))
}

// nuclearTree returns the content of a report of radiopharmaceuticals.
func (r *report) nuclearTree() *sr.Item {
	room := r.visit.room
	what := sr.Code{Value: r.what.id, Scheme: "99DEMO", Meaning: r.what.description}
	l := list{sr.NewCode(sr.HasConceptMod, room.code(termAssociated), what, sr.NewCode(sr.HasConceptMod, room.code(termIntent), room.code(r.intent)))}
	return sr.NewContainer("", dcm("113500", "Radiopharmaceutical Radiation Dose Report"), append(l, r.body(r)...)...)
}
