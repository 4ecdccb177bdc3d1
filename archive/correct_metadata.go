package archive

import (
	"context"
	"slices"
	"time"

	"radagora/db"
	"radagora/dicom/tag"
)

// An overlay lays the corrections of a study over prepared metadata. A nil one changes
// nothing.
type overlay struct {
	overlays
	system string
	came   map[string]came // by SOP Instance UID
}

// A came says how an instance came.
type came struct {
	sop, sender, coerced string
	at                   time.Time
}

// overlaying returns the overlay of a study, of which the index says what was corrected.
func (a *Archive) overlaying(ctx context.Context, site, study, corrected string) (*overlay, error) {
	if corrected == "" {
		return nil, nil
	}
	v := &overlay{system: a.system(), came: map[string]came{}}
	var err error
	if v.overlays, err = overlaysOf(ctx, a.DB, site, study); err != nil || v.none() {
		return nil, err
	}
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (c came, err error) {
		var at int64
		err = r.Scan(&c.sop, &c.sender, &at, &c.coerced)
		c.at = db.FromMillis(at)
		return c, err
	}, `select instance.sop_uid, instance.calling_ae, instance.received_at, coalesce(coerced.coercion, '')
		from study join series on series.study = study.id join instance on instance.series = series.id
		left join coerced on coerced.site_id = instance.site_id and coerced.sop_uid = instance.sop_uid
		where study.site_id = $1 and study.study_uid = $2`, site, study)
	for _, c := range list {
		v.came[c.sop] = c
	}
	return v, err
}

// asked are the elements that an overlay looks at.
var asked = func() map[tag.Tag]bool {
	all := map[tag.Tag]bool{tag.SOPInstanceUID: true, tag.SeriesInstanceUID: true, tag.StudyInstanceUID: true, tag.OriginalAttributesSequence: true}
	for _, t := range slices.Concat(correctable, coercible, ofOtherPerson) {
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
	how := v.came[sop.String()]
	l := v.about(d, d.UID(tag.SeriesInstanceUID), sop, how.coerced)
	if len(l) == 0 {
		return m, nil
	}
	c, err := l.change(d, told{v.system, how.sender, how.at}, true)
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
