package worklist

import (
	"context"
	"errors"
	"strconv"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// Why a study was announced complete.
const (
	Quiet     = "quiet"     // nobody added to it for a while
	Performed = "performed" // all that the machine says it made is here
	Expected  = "expected"  // as many objects are here as the order expects
)

// The states of an announcement.
const (
	AnnouncedComplete = "complete"
	AnnouncedChanged  = "changed" // more arrived since; complete is announced again later
)

// A Completion is what was announced about a study.
type Completion struct {
	State     string // "", AnnouncedComplete or AnnouncedChanged
	Reason    string
	Instances int64 // when it was complete
	Expected  int64 // by the machine or the order; 0: nobody said
	At        time.Time
	Times     int64 // how often it was complete
}

// The kinds of journal entries that say so.
const (
	KindComplete = "worklist.study.complete"
	KindChanged  = "worklist.study.changed"
)

// How long the background rests, and how long it may be silent.
const (
	workPoll  = 500 * time.Millisecond
	workLease = 5 * time.Second
	oldest    = 30 * 24 * time.Hour // how long answered requests are remembered
)

// arrivals are the entries that tell of studies: that something came, and that it was
// found to be of somebody else.
var arrivals = []string{"archive.instance.stored", "archive.identity.corrected", "archive.identity.undone"}

// Run follows the journal, matches studies and announces those that are complete,
// until ctx ends. Of several processes, one follows and one works at a time.
func (r *Register) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	go func() { failed <- r.Journal.Follow(ctx, Consumer, arrivals, r.arrived) }()
	go func() { failed <- r.always(ctx) }()
	err := <-failed
	cancel() // one cannot go on without the other
	return errors.Join(err, <-failed)
}

// always works under a lease until ctx ends.
func (r *Register) always(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := r.DB.Lease(ctx, "worklist.work", r.Holder, workLease)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err != nil:
			return err
		}
		r.work(lease.Context())
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			r.Log.WarnContext(ctx, "worklist: give back lease", "error", err)
		}
	}
	return nil
}

// work matches and announces until ctx ends. A failure is logged and tried again.
func (r *Register) work(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
		}
		if err := r.Settle(ctx); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "worklist: match and announce", "error", err)
		}
		timer.Reset(workPoll)
	}
}

// Settle matches every study that waits for it and announces every one that is
// complete now.
func (r *Register) Settle(ctx context.Context) error {
	for {
		n, err := r.Match(ctx)
		if err != nil {
			return err
		}
		if n < matchBatch {
			break
		}
	}
	if err := r.Announce(ctx); err != nil {
		return err
	}
	return r.forgetRequests(ctx)
}

// forgetRequests forgets requests that nobody will send again.
func (r *Register) forgetRequests(ctx context.Context) error {
	before := db.Millis(r.Now().Add(-oldest))
	var n int
	err := r.DB.QueryRow(ctx, `select count(*) from worklist_request where at < $1`, before).Scan(&n)
	if err != nil || n == 0 {
		return err
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from worklist_request where at < $1`, before)
		return err
	})
}

// count notes within tx that instances arrived, and takes back what was announced
// if they are more than were announced.
func (r *Register) count(ctx context.Context, tx *db.Tx, siteID, study, callingAE string, n int64, first, last time.Time) error {
	set, err := setting(ctx, tx, siteID, callingAE)
	if err != nil {
		return err
	}
	done, _, err := r.said(ctx, tx, siteID, study, false)
	if err != nil {
		return err
	}
	due := db.Millis(r.Now().Add(set.quiet(done)))
	_, err = tx.Exec(ctx, `insert into worklist_study (site_id, study_uid, person, accession, match, reason, order_id, instances, first_at,
		last_at, calling_ae, stirred_at, due_at) values ($1, $2, '', '', '', '', '', $3, $4, $5, $6, $7, $8)
		on conflict (site_id, study_uid) do update set instances = worklist_study.instances + excluded.instances,
		last_at = excluded.last_at, calling_ae = excluded.calling_ae, due_at = excluded.due_at`,
		siteID, study, n, db.Millis(first), db.Millis(last), callingAE, db.Millis(first), due)
	if err != nil {
		return err
	}
	var have, announced int64
	var state, person string
	err = tx.QueryRow(ctx, `select t.instances, t.person, coalesce(a.state, ''), coalesce(a.instances, 0) from worklist_study t
		left join worklist_announced a on a.site_id = t.site_id and a.study_uid = t.study_uid
		where t.site_id = $1 and t.study_uid = $2`, siteID, study).Scan(&have, &person, &state, &announced)
	if err != nil || state != AnnouncedComplete || have <= announced {
		return err
	}
	if _, err := tx.Exec(ctx, `update worklist_announced set state = 'changed' where site_id = $1 and study_uid = $2`, siteID, study); err != nil {
		return err
	}
	return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: KindChanged, Subject: study, Person: person, Actor: "system:worklist"},
		map[string]any{"instances": have, "instances_before": announced}, nil)
}

// Announce announces the studies that are complete now. It looks at those that were
// quiet for long enough, and at those whose machine or order says how much is to come.
func (r *Register) Announce(ctx context.Context) error {
	if r.Studies == nil {
		return nil
	}
	type row struct{ site, study string }
	list, err := db.List(ctx, r.DB, func(rows *db.Rows) (x row, err error) { return x, rows.Scan(&x.site, &x.study) },
		`select t.site_id, t.study_uid from worklist_study t where t.due_at <> 0 and (t.due_at <= $1
			or exists (select 1 from worklist_performed p where p.site_id = t.site_id and p.study_uid = t.study_uid
				and p.state <> 'in_progress' and p.reference_count > 0 and p.reference_count <= t.instances)
			or exists (select 1 from worklist_order o where o.order_id = t.order_id and t.match = 'matched'
				and o.expected > 0 and o.expected <= t.instances))
		order by t.due_at limit 200`, db.Millis(r.Now()))
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := r.announce(ctx, x.site, x.study); err != nil {
			return err
		}
	}
	return nil
}

// announce announces one study if it is complete.
func (r *Register) announce(ctx context.Context, siteID, study string) error {
	s, err := r.Studies.Study(ctx, siteID, study)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if err != nil { // it was deleted: nothing to announce
		return r.settled(ctx, siteID, study)
	}
	reason, expected, err := r.whyComplete(ctx, siteID, study, s)
	if err != nil || reason == "" {
		return err
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		var counted int64
		var order, match string
		err := tx.QueryRow(ctx, `select instances, order_id, match from worklist_study where site_id = $1 and study_uid = $2`, siteID, study).
			Scan(&counted, &order, &match)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update worklist_study set due_at = 0 where site_id = $1 and study_uid = $2`, siteID, study); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `insert into worklist_announced (site_id, study_uid, state, reason, instances, expected, at, times)
			values ($1, $2, 'complete', $3, $4, $5, $6, 1) on conflict (site_id, study_uid) do update set state = 'complete',
			reason = excluded.reason, instances = excluded.instances, expected = excluded.expected, at = excluded.at,
			times = worklist_announced.times + 1 where worklist_announced.state = 'changed'`,
			siteID, study, reason, max(counted, s.Instances), expected, db.Millis(r.Now()))
		if err != nil || n == 0 {
			return err
		}
		return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: KindComplete, Subject: study, Person: s.Person, Actor: "system:worklist"},
			map[string]any{"reason": reason, "instances": s.Instances, "series": s.Series, "expected": expected, "order": order, "match": match}, nil)
	})
}

// settled notes that there is nothing to do about a study.
func (r *Register) settled(ctx context.Context, siteID, study string) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update worklist_study set due_at = 0 where site_id = $1 and study_uid = $2`, siteID, study)
		return err
	})
}

// whyComplete returns why a study is complete, "" if it is not yet, and how many
// instances were expected.
func (r *Register) whyComplete(ctx context.Context, siteID, study string, s Study) (reason string, expected int64, err error) {
	done, references, err := r.said(ctx, r.DB, siteID, study, true)
	if err != nil {
		return "", 0, err
	}
	expected = int64(len(references))
	if done && expected > 0 {
		have, err := r.Studies.Present(ctx, siteID, references)
		if err != nil {
			return "", 0, err
		}
		if int64(have) == expected {
			return Performed, expected, nil
		}
	}
	ordered, err := r.orderExpects(ctx, siteID, study)
	if err != nil {
		return "", 0, err
	}
	if ordered > 0 && s.Instances >= ordered {
		return Expected, ordered, nil
	}
	if expected == 0 {
		expected = ordered
	}
	var due int64
	err = r.DB.QueryRow(ctx, `select due_at from worklist_study where site_id = $1 and study_uid = $2`, siteID, study).Scan(&due)
	if err != nil || due == 0 || r.Now().Before(db.FromMillis(due)) {
		return "", expected, err
	}
	return Quiet, expected, nil
}

// sooner has a study be looked at as soon as one that a machine is done with.
func (r *Register) sooner(ctx context.Context, tx *db.Tx, siteID, study, callingAE string) error {
	set, err := setting(ctx, tx, siteID, callingAE)
	if err != nil {
		return err
	}
	due := db.Millis(r.Now().Add(set.quiet(true)))
	_, err = tx.Exec(ctx, `update worklist_study set due_at = $3 where site_id = $1 and study_uid = $2 and due_at > $3`, siteID, study, due)
	tx.OnCommit(r.poke)
	return err
}

// orderExpects returns how many instances the order of a study expects, 0 if nobody
// said.
func (r *Register) orderExpects(ctx context.Context, siteID, study string) (int64, error) {
	list, err := r.orders(ctx, r.DB, `where o.order_id in (select order_id from worklist_study where site_id = $1 and study_uid = $2
		and match = 'matched') and o.site_id = $1`, siteID, study)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Expected, nil
}

// Rebuild forgets what was derived about studies and reads the journal from its
// beginning; Run does the work. What was announced and decided stays, and nothing is
// announced twice.
func (r *Register) Rebuild(ctx context.Context) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.Journal.Rewind(ctx, tx, Consumer); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from worklist_study`)
		return err
	})
}

// argument writes the number of an argument.
func argument(n int) string { return strconv.Itoa(n) }
