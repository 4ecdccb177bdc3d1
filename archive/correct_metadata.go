package archive

import (
	"context"
	"slices"

	"radagora/db"
	"radagora/dicom/tag"
)

// An overlay lays the corrections of a study over prepared metadata. A nil one changes
// nothing.
type overlay struct {
	fixes   fixes
	system  string
	senders map[string]string // by SOP Instance UID
}

// overlaying returns the overlay of a study, of which the index says what was corrected.
func (a *Archive) overlaying(ctx context.Context, site, study, corrected string) (*overlay, error) {
	if corrected == "" {
		return nil, nil
	}
	v := &overlay{system: a.system(), senders: map[string]string{}}
	var err error
	if v.fixes, err = fixesOf(ctx, a.DB, site, study); err != nil || len(v.fixes) == 0 {
		return nil, err
	}
	type sent struct{ sop, by string }
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s sent, err error) { return s, r.Scan(&s.sop, &s.by) },
		`select instance.sop_uid, instance.calling_ae from study join series on series.study = study.id join instance on instance.series = series.id
		where study.site_id = $1 and study.study_uid = $2`, site, study)
	for _, s := range list {
		v.senders[s.sop] = s.by
	}
	return v, err
}

// asked are the elements that an overlay looks at.
var asked = func() map[tag.Tag]bool {
	all := map[tag.Tag]bool{tag.SOPInstanceUID: true, tag.SeriesInstanceUID: true, tag.OriginalAttributesSequence: true}
	for _, t := range slices.Concat(correctable, ofOtherPerson) {
		all[t] = true
	}
	return all
}()

// over returns the members of an instance as they are given out.
func (v *overlay) over(m members) (members, error) {
	if v == nil {
		return m, nil
	}
	some := slices.DeleteFunc(slices.Clone(m), func(one member) bool { return !asked[one.tag] })
	d, err := some.dataset()
	if err != nil {
		return nil, err
	}
	sop := d.UID(tag.SOPInstanceUID)
	l := v.fixes.on(d.UID(tag.SeriesInstanceUID), sop, personOf(values(d, patientColumns)))
	if len(l) == 0 {
		return m, nil
	}
	c, err := l.change(d, v.system, v.senders[sop.String()], true)
	if err != nil {
		return nil, err
	}
	put, err := membersOf(c.set)
	if err != nil {
		return nil, err
	}
	put = slices.DeleteFunc(put, func(one member) bool { return one.tag == tag.SpecificCharacterSet })
	m = slices.DeleteFunc(slices.Clone(m), func(one member) bool { return c.drop[one.tag] })
	return m.over(put), nil
}
