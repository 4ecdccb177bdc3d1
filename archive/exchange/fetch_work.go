package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
)

// errMissing is that a peer said it was done, and not everything is here.
var errMissing = errors.New("not everything came")

// errNotThere is that the peer lists nothing of the study.
var errNotThere = errors.New("the peer lists nothing of it")

// fetch is the job of a fetch. An error has it tried again later; it goes on with what
// is not here by then.
func (x *Exchange) fetch(ctx context.Context, j job.Job) error {
	var args struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f, err := x.FetchOf(ctx, j.Site, args.ID)
	if err != nil && fault.Of(err) == fault.NotFound || err == nil && (f.State == Cancelled || f.State == Done) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := x.beginFetch(ctx, f); err != nil {
		return err
	}
	return x.settleFetch(ctx, f, j, x.fetchOnce(ctx, &f))
}

// fetchOnce compares, fetches what is missing, and compares again.
func (x *Exchange) fetchOnce(ctx context.Context, f *Fetch) error {
	study, err := uid.Parse(f.Study)
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	there, err := x.Source.Holdings(ctx, f.Site, f.Peer, study, f.Part.narrow)
	if err != nil {
		return err
	}
	if there = f.Part.thin(there); len(there) == 0 {
		return errNotThere
	}
	here, err := x.compare(ctx, f, study, there)
	if err != nil || f.Here == f.There {
		return err
	}
	broke := x.fetchBy(ctx, f, want(study, there, here, f.Part == All), AnyWay)
	if here, err = x.compare(ctx, f, study, there); err != nil || f.Here == f.There {
		return err
	}
	if other, ok := otherWay[f.Way]; ok && x.mayElse(ctx, broke) {
		again := x.fetchBy(ctx, f, want(study, there, here, f.Part == All), other)
		if _, err = x.compare(ctx, f, study, there); err != nil || f.Here == f.There {
			return err
		}
		if (broke == nil || isRefused(broke)) && (again == nil || fault.Of(again) != fault.Unsupported) {
			broke = again // of a line that broke, that counts: it may hold next time
		}
	}
	if broke == nil {
		return errMissing
	}
	return broke
}

// otherWay is how a peer may give what it does not give by one way.
var otherWay = map[Way]Way{ByGet: ByMove, ByMove: ByGet}

// mayElse reports whether after this it makes sense to fetch by another way: when the
// peer said no, gave less than it has, or broke off.
func (x *Exchange) mayElse(ctx context.Context, broke error) bool {
	return ctx.Err() == nil && !errors.Is(broke, errStopped) && (broke == nil || fault.Of(broke) != fault.NotFound)
}

// fetchBy fetches what is wanted and notes by which way.
func (x *Exchange) fetchBy(ctx context.Context, f *Fetch, w Wanted, way Way) error {
	used, err := x.Source.Fetch(ctx, f.Site, f.Peer, w, way, x.telling(ctx, *f))
	if used != AnyWay {
		f.Way = used
	}
	return err
}

// isRefused reports whether a peer answered, and said no.
func isRefused(err error) bool {
	_, ok := errors.AsType[*RefusedError](err)
	return ok
}

// compare counts what a peer lists against what is here, and returns what is.
func (x *Exchange) compare(ctx context.Context, f *Fetch, study uid.UID, there []Far) (map[uid.UID]bool, error) {
	here := map[uid.UID]bool{}
	for i, err := range x.all(ctx, Transfer{Site: f.Site, Study: study.String(), Part: All}) {
		if err != nil {
			return nil, err
		}
		here[i.SOP] = true
	}
	listed := map[uid.UID]bool{}
	f.There, f.Here, f.Extra = 0, 0, 0
	for _, one := range there {
		if listed[one.SOP] {
			continue
		}
		listed[one.SOP] = true
		f.There++
		if here[one.SOP] {
			f.Here++
		}
	}
	if f.Part == All {
		f.Extra = int64(len(here)) - f.Here
	}
	return here, nil
}

// telling returns what is told how far a fetch is. It writes that down now and then,
// and ends what was cancelled.
func (x *Exchange) telling(ctx context.Context, f Fetch) func(int) error {
	var last time.Time
	return func(n int) error {
		now := x.Now()
		if !last.IsZero() && now.Sub(last) < time.Second && !now.Before(last) {
			return nil
		}
		last = now
		return x.DB.Write(ctx, func(tx *db.Tx) error {
			changed, err := tx.Exec(ctx, `update exchange_fetch set there = $3, here = $4, updated_ms = $5 where id = $1 and ticket = $2 and state <> 'cancelled'`,
				f.ID, f.ticket, f.There, min(f.There, f.Here+int64(n)), db.Millis(now))
			if err == nil && changed == 0 {
				return errStopped
			}
			return err
		})
	}
}

// beginFetch marks a fetch as being under way.
func (x *Exchange) beginFetch(ctx context.Context, f Fetch) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update exchange_fetch set state = $3, attempts = attempts + 1, updated_ms = $4 where id = $1 and ticket = $2 and state <> 'cancelled'`,
			f.ID, f.ticket, string(Fetching), db.Millis(x.Now()))
		return err
	})
}

// settleFetch decides what becomes of a fetch after an attempt.
func (x *Exchange) settleFetch(ctx context.Context, f Fetch, j job.Job, err error) error {
	if err == nil {
		return x.endFetch(ctx, f, Done, "", "")
	}
	if errors.Is(err, errStopped) {
		return nil
	}
	if ctx.Err() != nil { // the program ends: it goes on at the next start
		return err
	}
	reason, most := why(err)
	state := Waiting
	if j.Attempt >= most {
		state = Failed
	}
	detail := said(err)
	if errors.Is(err, errMissing) || errors.Is(err, errNotThere) {
		detail = "" // the reason says it all
	}
	if saved := x.endFetch(ctx, f, state, reason, detail); saved != nil {
		return saved
	}
	if state == Waiting {
		return fault.As(fault.Unavailable, err)
	}
	return nil
}

// why returns the word for what went wrong, and how often it is tried.
func why(err error) (reason string, attempts int) {
	switch {
	case errors.Is(err, errMissing):
		return ReasonMissing, fetchRefusals
	case errors.Is(err, errNotThere):
		return ReasonNotThere, 1
	case isRefused(err):
		return ReasonRefused, fetchRefusals
	case fault.Of(err) == fault.NotFound:
		return ReasonUnknownPeer, 1
	case fault.Of(err) == fault.Unsupported:
		return ReasonUnsupported, 1
	}
	return ReasonUnreachable, fetchAttempts
}

// endFetch writes what became of an attempt, unless somebody decided otherwise
// meanwhile. What came stands in the journal when it is over.
func (x *Exchange) endFetch(ctx context.Context, f Fetch, state State, reason, detail string) error {
	now := db.Millis(x.Now())
	done := int64(0)
	if state == Done {
		done = now
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update exchange_fetch set state = $3, reason = $4, detail = $5, way = $6, there = $7, here = $8, extra = $9, updated_ms = $10, done_ms = $11
			where id = $1 and ticket = $2 and state <> 'cancelled'`, f.ID, f.ticket, string(state), reason, detail, string(f.Way), f.There, f.Here, f.Extra, now, done)
		if err != nil || n == 0 || state == Waiting {
			return err
		}
		if err := x.verified(ctx, tx, f, state, reason, detail); err != nil {
			return err
		}
		return x.note(ctx, tx, f.Site, f.By, "archive.study.fetched", f.Study, map[string]any{
			"peer": f.Peer, "state": state, "reason": reason, "part": f.Part, "way": f.Way, "there": f.There, "here": f.Here, "extra": f.Extra, "source": f.Source,
		})
	})
}

// verified notes in the migrations from a peer what became of a study.
func (x *Exchange) verified(ctx context.Context, tx *db.Tx, f Fetch, state State, reason, detail string) error {
	if f.Part != All {
		return nil
	}
	become := StudyVerified
	if state != Done {
		become = StudyDiffers
	}
	_, err := tx.Exec(ctx, `update exchange_migration_study set state = $4, reason = $5, detail = $6, there = $7, here = $8, extra = $9, updated_ms = $10
		where site_id = $1 and study_uid = $2 and state <> 'found' and migration in (select id from exchange_migration where site_id = $1 and peer = $3)`,
		f.Site, f.Study, f.Peer, string(become), reason, detail, f.There, f.Here, f.Extra, db.Millis(x.Now()))
	return err
}

// said shortens what went wrong, with the status that a peer answered.
func said(err error) string {
	if no, ok := errors.AsType[*RefusedError](err); ok {
		return fmt.Sprintf("%04X %s", no.Status, plain(no))
	}
	return plain(err)
}

// Why returns the word for why a peer did not answer a question, or not with what was
// asked for: one of the constants of reasons.
func Why(err error) string {
	reason, _ := why(err)
	return reason
}
