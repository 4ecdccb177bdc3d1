package archive

import (
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
)

// An Effect is what a correction would change in one series.
type Effect struct {
	Series                uid.UID
	Modality, Description string
	Instances             int64
	Split                 bool    // it would get a study of its own
	Before, After         []Value // what the correction names, by tag
}

// Effects returns what Correct, or Split, would change, without doing it: for each series
// that says otherwise than it would, once for each thing it says. Errors are theirs.
func (a *Archive) Effects(ctx context.Context, site string, t Target, values []Value, split bool) ([]Effect, error) {
	c := Correction{ID: db.NewID(), Site: site, Target: t, Cause: ByPerson, Actor: access.From(ctx).ID, At: a.Now()}
	var err error
	if c.Values, err = a.valid(values); err != nil {
		return nil, err
	}
	all, err := a.asReceived(ctx, site, t.Study)
	if err != nil {
		return nil, err
	}
	l, err := overlaysOf(ctx, a.DB, site, t.Study.String())
	if err != nil {
		return nil, err
	}
	covered := map[string]bool{}
	before := make([]string, len(patientColumns))
	for _, n := range all {
		if t.has(n.series, n.sop) {
			covered[personOf(n.patient)] = true
			before = mergePatient(before, l.header(n.header).patient)
		}
	}
	if len(covered) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no %s %s", t.level(), t.subject())
	}
	f, err := c.fix(covered)
	if err != nil {
		return nil, err
	}
	if split {
		if t.Series.IsZero() {
			return nil, fault.Errorf(fault.Invalid, "a series is split from its study")
		}
		if _, err := l.studyFor(t, personOf(f.over(patientColumns, before)), all); err != nil {
			return nil, err
		}
	}
	series, err := a.SeriesOf(ctx, site, t.Study)
	if err != nil {
		return nil, err
	}
	then := l
	then.fixes = append(slices.Clone(l.fixes), f)
	slices.SortFunc(then.fixes, fix.compare)
	var out []Effect
	for _, n := range all {
		if !t.has(n.series, n.sop) {
			continue
		}
		was, is := l.header(n.header).values(c.Values), then.header(n.header).values(c.Values)
		if !split && slices.Equal(was, is) {
			continue
		}
		i := slices.IndexFunc(out, func(e Effect) bool {
			return e.Series == n.series && slices.Equal(e.Before, was) && slices.Equal(e.After, is)
		})
		if i < 0 {
			e := Effect{Series: n.series, Split: split, Before: was, After: is}
			for _, s := range series {
				if s.UID == n.series {
					e.Modality, e.Description = s.Modality, s.Description
				}
			}
			out, i = append(out, e), len(out)
		}
		out[i].Instances++
	}
	return out, nil
}
