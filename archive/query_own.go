package archive

import (
	"context"
	"slices"
	"strings"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
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

// owns reports whether a key is one that series and instances match themselves. Dates in
// the zone of the query, two keys that are one range, and names by likeness are matched
// by what the study says.
func (p *plan) owns(k key) bool {
	_, ok := owned[k.tag]
	return ok && k.pair == nil && (p.zone == nil || k.vr != vr.DA && k.vr != vr.TM) && (!p.q.Fuzzy || k.vr != vr.PN)
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
	d, err := m.only(p.owning).dataset()
	if err != nil {
		return false, err
	}
	for _, k := range p.owning {
		if !k.matches([]string{owned[k.tag].read(d, k.tag)}, p.q.Fuzzy) {
			return false, nil
		}
	}
	return true, nil
}
