package archive

import (
	"context"
	"slices"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
)

// A series or an instance is matched by what it says itself of patient and study, where
// the instances of the study do not agree about that: a study under two accession
// numbers, or of two patients. Such studies are few and have an index; of all others the
// columns of the study decide.

// owned are the columns of patient and study of which that is so.
var owned = func() map[tag.Tag]column {
	all := map[tag.Tag]column{}
	for _, c := range slices.Concat(patientColumns, studyColumns) {
		if c.tag != tag.TimezoneOffsetFromUTC {
			all[c.tag] = c
		}
	}
	return all
}()

// The places in ofStudy by which studies vary.
const (
	studyDay, studyAccession = 0, 3
)

// varies reports whether two instances of a study say different things of it.
func varies(patient, ofStudy, otherPatient, otherStudy []string) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	return disagree(patient, otherPatient) || differ(ofStudy[studyDay], otherStudy[studyDay]) || differ(ofStudy[studyAccession], otherStudy[studyAccession])
}

// vary looks whether there is any such study.
func (p *plan) vary(ctx context.Context) error {
	asks := func(k key) bool { return k.asks() && p.owns(k) }
	if p.rank < 2 || !slices.ContainsFunc(p.keys, asks) {
		return nil
	}
	var n int64
	err := p.a.DB.QueryRow(ctx, `select count(*) from (select 1 from study where site_id = $1 and varies limit 1) as v`, p.site).Scan(&n)
	p.varied = n > 0
	return err
}

// owns reports whether a key is one that series and instances match themselves.
func (p *plan) owns(k key) bool {
	_, ok := owned[k.tag]
	return ok
}

// own takes what a key added to a statement, from some places on, as asked of studies that
// do not vary.
func (p *plan) own(w *statement, k key, conditions, left int) {
	if !p.varied || !p.owns(k) {
		return
	}
	w.own = append(w.own, w.conditions[conditions:]...)
	w.conditions = w.conditions[:conditions]
	for i := left; i < len(p.left); i++ {
		p.left[i].agreed = true
	}
	p.owning = append(p.owning, k)
}

// ownly adds that studies match, or vary.
func (w *statement) ownly() {
	if len(w.own) == 0 {
		return
	}
	w.byID = true
	w.and(`study.id in (select study.id from study where study.site_id = $1 and ` + strings.Join(w.own, " and ") +
		` union all select study.id from study where study.site_id = $1 and study.varies)`)
}

// variesExpr says of a row whether its study varies.
const variesExpr = "case when study.varies then 1 else 0 end"

// varying reports whether the study of a row varies.
func (r row) varying() bool { return r.text(variesExpr) == "1" }

// ownHolds decides the keys that a row of a study that varies matches itself.
func (p *plan) ownHolds(ctx context.Context, r row) (bool, error) {
	m, err := p.header(ctx, r)
	if err != nil || m == nil {
		return false, err
	}
	d, err := m.only(dated(p.owning)).dataset()
	if err != nil {
		return false, err
	}
	for _, k := range p.owning {
		if !p.ownMatches(d, k) {
			return false, nil
		}
	}
	return true, nil
}

// ownMatches reports whether what a header says of patient or study matches a key: a date
// and its time in the zone of the query, and as one where two keys are one range.
func (p *plan) ownMatches(d *dicom.Dataset, k key) bool {
	day, clock, ok := clockOf(k.tag)
	if !ok || p.zone == nil && k.pair == nil {
		return k.matches([]string{owned[k.tag].read(d, k.tag)}, p.q.Fuzzy)
	}
	date, at := p.ownMoment(d, day, clock)
	return residual{a: columned[k.tag], k: k, day: day, clock: clock}.holdsAt(date, at)
}

// ownMoment returns a date and time of a header, in the zone of the query.
func (p *plan) ownMoment(d *dicom.Dataset, day, clock attribute) (date, at string) {
	date, at = owned[day.tag].read(d, day.tag), owned[clock.tag].read(d, clock.tag)
	if p.zone != nil {
		date, at = p.zone.shift(date, at, d.Text(tag.TimezoneOffsetFromUTC))
	}
	return date, at
}

// dated returns keys, and with those of dates and times what they are told by.
func dated(keys []key) []key {
	all := slices.Clone(keys)
	for _, k := range keys {
		if day, clock, ok := clockOf(k.tag); ok {
			all = append(all, key{tag: day.tag}, key{tag: clock.tag}, key{tag: tag.TimezoneOffsetFromUTC})
		}
	}
	return all
}
