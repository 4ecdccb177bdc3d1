package demo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// phantoms is the group of patients that are none: each room has one.
const phantoms = "phantom"

// A patient is a made-up person, or a phantom.
type patient struct {
	name, id, sex string
	born          time.Time // zero for a phantom
	height        float64   // m, 0 for a phantom
	weight        float64   // kg, 0 for a phantom
}

// patient returns who comes to a visit: mostly somebody new, at times somebody who
// has come before or will come again.
func (m *maker) patient(v *visit) patient {
	group := v.what.patients
	if group == phantoms {
		return patient{name: "PHANTOM^" + v.room.station, id: "PHANTOM-" + v.room.station, sex: "O"}
	}
	number := v.volume.before + v.index
	d := m.dice("who", v.name)
	if d.chance(v.what.returns) {
		number = d.IntN(m.persons[group])
	}
	return m.person(group, number)
}

// person returns the person of that number in a group, always the same.
func (m *maker) person(group string, number int) patient {
	d := m.dice("person", group, strconv.Itoa(number))
	p := patient{
		name: fmt.Sprintf("DEMO^%s-%04d", m.words[number%len(m.words)], number/len(m.words)+1),
		id:   fmt.Sprintf("DEMO-%.1s%06d", strings.ToUpper(group), number),
		sex:  "F",
	}
	if group != "woman" && d.chance(0.5) {
		p.sex = "M"
	}
	age := m.age(group, d)
	p.born = m.span.until.AddDate(0, 0, -int(age*365.25)-1)
	b := m.body(p.sex, age)
	tall := d.NormFloat64()
	p.height = b.height * (1 + b.heightSpread*tall)
	// Who is taller is heavier; the rest of the weight has other reasons.
	p.weight = b.weight * math.Exp(b.weightSpread*(0.4*tall+0.9*d.NormFloat64()))
	return p
}

// age throws an age in years.
func (m *maker) age(group string, d dice) float64 {
	bands := m.ages[group]
	i := pick(d, bands, func(b ageBand) float64 { return b.weight })
	return bands[i].from + d.Float64()*(bands[i].to-bands[i].from)
}

// pick throws an index of list by weight.
func pick[T any](d dice, list []T, weight func(T) float64) int {
	sum := 0.0
	for _, x := range list {
		sum += weight(x)
	}
	at := d.Float64() * sum
	for i, x := range list {
		if at -= weight(x); at < 0 {
			return i
		}
	}
	return len(list) - 1
}

// body returns the typical body of an age, between the rows of the table.
func (m *maker) body(sex string, age float64) body {
	all := m.bodies[sex]
	if age <= all[0].age {
		return all[0]
	}
	for i, b := range all[1:] {
		a := all[i]
		if age < b.age {
			f := (age - a.age) / (b.age - a.age)
			mix := func(x, y float64) float64 { return x + f*(y-x) }
			return body{age, mix(a.height, b.height), mix(a.weight, b.weight), mix(a.heightSpread, b.heightSpread), mix(a.weightSpread, b.weightSpread)}
		}
	}
	return all[len(all)-1]
}

// age returns the age on a day as DICOM writes it (PS3.5 6.2, AS): months for the
// youngest, "" for a phantom.
func (p patient) age(day time.Time) string {
	if p.born.IsZero() {
		return ""
	}
	months := (day.Year()-p.born.Year())*12 + int(day.Month()) - int(p.born.Month())
	if day.Day() < p.born.Day() {
		months--
	}
	months = max(months, 0)
	if months < 24 {
		return fmt.Sprintf("%03dM", months)
	}
	return fmt.Sprintf("%03dY", months/12)
}

// factor returns how much more dose a patient needs than one of the reference
// weight, as the exponent of the table says.
func (m *maker) factor(p patient, exponent float64) float64 {
	if p.weight == 0 || exponent == 0 {
		return 1
	}
	return math.Pow(p.weight/m.numbers["reference_weight"], exponent)
}
