package worklist

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// An Asked is a request for the worklist (C-FIND, PS3.4 K.4.1).
type Asked struct {
	Keys   *dicom.Dataset // the identifier
	Caller string         // application entity title of who asks
}

// An Answer is one entry that matches.
type Answer struct {
	Dataset     *dicom.Dataset // what was asked for of it
	Person      string         // whom it is about
	Unsupported bool           // some key asks for what this program does not have (status FF01)
}

// Find yields the entries of a site's worklist that match the keys, by start: steps
// that are scheduled, arrived or in progress, of orders that are not cancelled. What
// the setting of the caller hides is left out, and so is what persons who want their
// data restricted have. Errors: Invalid for an identifier no standard allows,
// Forbidden, Exhausted when more match than the setting allows; then the first of
// them have been yielded.
func (r *Register) Find(ctx context.Context, siteID string, a Asked) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		if err := r.find(ctx, siteID, a, func(x Answer) bool { return yield(x, nil) }); err != nil && !errors.Is(err, errEnough) {
			yield(Answer{}, err)
		}
	}
}

// errEnough ends an iteration that somebody has enough of.
var errEnough = errors.New("enough")

func (r *Register) find(ctx context.Context, siteID string, a Asked, give func(Answer) bool) error {
	if err := access.Check(ctx, access.StepFind, access.Subject{Site: siteID}); err != nil {
		return err
	}
	if err := checkKeys(a.Keys, 0); err != nil {
		return err
	}
	s, err := r.Sites.Site(ctx, siteID)
	if err != nil {
		return err
	}
	set, err := r.Setting(ctx, siteID, a.Caller)
	if err != nil {
		return err
	}
	w := r.narrow(siteID, a, set, s.Location())
	given, place := 0, page{}
	var keys []string // of what was given
	defer func() {
		if noted := r.asked(ctx, siteID, a.Caller, keys); noted != nil { // the answer stands without it
			r.Log.WarnContext(ctx, "worklist: note who asked", "error", noted)
		}
	}()
	for {
		list, err := r.candidates(ctx, w, place)
		if err != nil {
			return err
		}
		for i := range list {
			x, ok, err := r.answer(a.Keys, &list[i])
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if given++; given > set.MostEntries {
				return fault.Errorf(fault.Exhausted, "worklist: more than %d entries match; ask for a day, a station or a modality", set.MostEntries)
			}
			keys = append(keys, list[i].Step.Key)
			if !give(x) {
				return errEnough
			}
		}
		if len(list) < pageSize {
			return nil
		}
		last := list[len(list)-1].Step
		place = page{db.Millis(last.StartAt), last.Key}
	}
}

// A page is a place in the worklist, by start.
type page struct {
	start int64
	key   string
}

// pageSize is how many candidates are read at a time.
const pageSize = 250

// candidates returns entries that may match, from a place on.
func (r *Register) candidates(ctx context.Context, w where, from page) ([]Entry, error) {
	w.terms, w.args = append([]string(nil), w.terms...), append([]any(nil), w.args...)
	if from.key != "" {
		w.and(`(s.start_at > ? or s.start_at = ? and s.step_key > ?)`, from.start, from.start, from.key)
	}
	return db.List(ctx, r.DB, scanEntry, selectEntry+w.String()+` order by s.start_at, s.step_key limit 250`, w.args...)
}

// answer holds one entry against the keys.
func (r *Register) answer(keys *dicom.Dataset, e *Entry) (Answer, bool, error) {
	entry, err := dataset(&e.Order, &e.Step)
	if err != nil {
		return Answer{}, false, err
	}
	m := matcher{fold: r.Fold}
	b, ok := m.answer(keys, entry)
	if !ok {
		return Answer{}, false, nil
	}
	ds, err := spoken(b, keys)
	return Answer{Dataset: ds, Person: e.Order.Person, Unsupported: m.unsupported}, err == nil, err
}

// narrow says in SQL what keeps most of the table away. It may let through what does
// not match, and never keeps away what does.
func (r *Register) narrow(siteID string, a Asked, set Setting, zone *time.Location) where {
	w := where{}
	w.and(`s.site_id = ?`, siteID)
	w.in(`s.state`, texts([]State{Scheduled, Arrived, InProgress}))
	w.and(`o.state = ?`, string(Active))
	w.and(`s.start_at >= ?`, db.Millis(r.Now().AddDate(0, 0, -set.OfferDays)))
	w.and(`not ` + access.Wished("o.site_id", "o.person", access.Restricted))
	if set.OwnOnly {
		w.and(`s.stations like ? escape '!'`, like(`%\`, a.Caller, `\%`))
	}
	step := a.Keys.Item(tag.ScheduledProcedureStepSequence)
	if v := exact(step, tag.ScheduledStationAETitle); v != "" {
		w.and(`s.stations like ? escape '!'`, like(`%\`, v, `\%`))
	}
	if v := exact(step, tag.Modality); v != "" {
		w.and(`s.modality = ?`, v)
	}
	if v := exact(step, tag.ScheduledProcedureStepID); v != "" {
		w.and(`s.step_id = ?`, v)
	}
	dates := datesOf(step.Text(tag.ScheduledProcedureStepStartDate))
	if t, err := time.ParseInLocation("20060102", dates.from, zone); err == nil {
		w.and(`s.start_at >= ?`, db.Millis(t))
	}
	if t, err := time.ParseInLocation("20060102", dates.to, zone); err == nil {
		w.and(`s.start_at < ?`, db.Millis(t.AddDate(0, 0, 1)))
	}
	for t, column := range map[tag.Tag]string{
		tag.PatientID: `o.patient_id`, tag.AccessionNumber: `o.accession`, tag.RequestedProcedureID: `o.procedure_id`,
		tag.PlacerOrderNumberImagingServiceRequest: `o.placer`, tag.FillerOrderNumberImagingServiceRequest: `o.filler`,
	} {
		if v := exact(a.Keys, t); v != "" {
			w.and(column+` = ?`, v)
		}
	}
	return w
}

// exact returns the one value that a key asks for, "" if it asks otherwise.
func exact(keys *dicom.Dataset, t tag.Tag) string {
	values := keys.Texts(t)
	if len(values) != 1 || strings.ContainsAny(values[0], "*?") {
		return ""
	}
	return strings.TrimSpace(values[0])
}
