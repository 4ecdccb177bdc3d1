package archive

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// Studies that were there before it was noted whether their instances say the same are
// looked through, by the prepared metadata of their series. What is left to do stands in
// prepare_due, so that it goes on after an end of the program.

const (
	varyBatch = 50        // studies at a time, between other work
	varyAgain = time.Hour // until one that could not be looked through is tried again
)

// varyBefore looks through the next studies, and reports whether there may be more.
func (a *Archive) varyBefore(ctx context.Context) (more bool, err error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select id from prepare_due where kind = 'varies' and at_ms <= $1 order by id limit $2`, db.Millis(a.Now()), varyBatch)
	for _, id := range list {
		if err := a.varyOne(ctx, id); err != nil && fault.Of(err) != fault.NotFound {
			if ctx.Err() != nil {
				return false, err
			}
			a.tellUnless(ctx, err)
			if err := a.varyDue(ctx, `update prepare_due set at_ms = $2 where kind = 'varies' and id = $1`, id, db.Millis(a.Now().Add(varyAgain))); err != nil {
				return false, err
			}
			continue
		}
		if err := a.varyDue(ctx, `delete from prepare_due where kind = 'varies' and id = $1`, id); err != nil {
			return false, err
		}
		if a.pending.busy(time.Now()) { //nolint:forbidigo // a stopwatch
			pause(ctx, tick)
		}
	}
	return len(list) == varyBatch, err
}

func (a *Archive) varyDue(ctx context.Context, text string, args ...any) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, text, args...); return err })
}

// A voice is what a study says of itself.
type voice struct {
	site, uid, corrected string
	patient, ofStudy     []string
}

// varyOne notes whether the instances of a study say different things of it. NotFound:
// there is no such study.
func (a *Archive) varyOne(ctx context.Context, id string) error {
	s, err := one(ctx, a.DB, func(r *db.Rows) (v voice, err error) {
		texts := make([]string, len(studyTexts))
		err = r.Scan(targets(texts, &v.site, &v.uid, &v.corrected)...)
		v.patient, v.ofStudy = texts[:len(patientColumns)], texts[len(patientColumns):]
		return v, err
	}, "study", `select site_id, study_uid, corrected, `+strings.Join(studyTexts, ", ")+` from study where id = $1`, id)
	if err != nil {
		return err
	}
	found, err := a.varying(ctx, id, s)
	if err != nil || !found {
		return err
	}
	// Whoever corrected it meanwhile has noted it.
	return a.varyDue(ctx, `update study set varies = $3 where id = $1 and corrected = $2`, id, s.corrected, true)
}

// varying looks for an instance that says otherwise than its study.
func (a *Archive) varying(ctx context.Context, id string, s voice) (found bool, err error) {
	v, err := a.overlaying(ctx, s.site, s.uid, s.corrected)
	if err != nil {
		return false, err
	}
	list, err := a.prepared(ctx, `study.id = $1`, id)
	for _, p := range list {
		if found || err != nil {
			break
		}
		err = p.objects(func(object []byte) error {
			m, err := cut(object)
			if err != nil {
				return err
			}
			if m, err = v.over(m); err != nil {
				return err
			}
			said := slices.DeleteFunc(slices.Clone(m), func(one member) bool { _, ok := owned[one.tag]; return !ok })
			d, err := said.dataset()
			if err != nil {
				return err
			}
			if found = varies(s.patient, s.ofStudy, values(d, patientColumns), values(d, studyColumns)); found {
				return errStop
			}
			return nil
		})
	}
	return found, err
}
