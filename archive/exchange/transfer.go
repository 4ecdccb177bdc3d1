package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
)

// A Transfer is a study, or a series of one, on its way to a peer.
type Transfer struct {
	ID, Site, Peer       string
	Study, Series        string // Series is "" for all that Part says
	Part                 Part
	Rule, By             string // Rule is "" if a person asked
	State                State
	Reason               string // a word; see the constants of reasons
	Detail               string // what the peer or the network said, without patient data
	Attempts             int64
	Total, Sent, Refused int64
	Added, Updated, Done time.Time

	Commitment string // whether the peer answers for it: CommitAsked and so on
	Committed  int64  // instances it answers for

	ticket  string
	answers []answer // not written yet
}

// A State is how far a transfer is.
type State string

// The states.
const (
	Waiting   State = "waiting"
	Sending   State = "sending"
	Fetching  State = "fetching"
	Done      State = "done"   // everything was taken
	Failed    State = "failed" // given up, or something was refused for good
	Cancelled State = "cancelled"
)

// The reasons why a transfer waits or failed.
const (
	ReasonUnreachable = "unreachable" // the line is broken; it is tried again
	ReasonRefused     = "refused"     // the peer said no to some
	ReasonUnknownPeer = "unknown_peer"
	ReasonGone        = "gone"        // nothing of it is kept any more
	ReasonMissing     = "missing"     // the peer said it sent everything, and it did not
	ReasonNotThere    = "not_there"   // the peer lists nothing of it
	ReasonUnsupported = "unsupported" // the peer offers no service for it
)

const (
	sendJob      = "exchange.transfer.send"
	sendAttempts = 24
)

const columnsTransfer = `id, site_id, peer, study_uid, series_uid, part, rule, asked_by, state, reason, detail, attempts, total, sent, refused, added_ms, updated_ms, done_ms, ticket`

const selectTransfer = `select ` + columnsTransfer + `, commitment, committed from exchange_transfer`

func scanTransfer(r *db.Rows) (t Transfer, err error) {
	var added, updated, done int64
	err = r.Scan(&t.ID, &t.Site, &t.Peer, &t.Study, &t.Series, &t.Part, &t.Rule, &t.By, &t.State, &t.Reason, &t.Detail, &t.Attempts,
		&t.Total, &t.Sent, &t.Refused, &added, &updated, &done, &t.ticket, &t.Commitment, &t.Committed)
	t.Added, t.Updated, t.Done = db.FromMillis(added), db.FromMillis(updated), db.FromMillis(done)
	return t, err
}

// Send begins to send a study, or with series one of its series, to a peer on behalf
// of by, as part of no other change. What the peer took before is not sent again,
// unless again is set.
func (x *Exchange) Send(ctx context.Context, by, site, peer, study, series string, part Part, again bool) error {
	if peer == "" || study == "" || part != All && part != Reports {
		return fault.Errorf(fault.Invalid, "send: a peer, a study and a part are needed")
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		if again {
			if _, err := tx.Exec(ctx, `delete from exchange_sent where site_id = $1 and peer = $2 and study_uid = $3`, site, peer, study); err != nil {
				return err
			}
		}
		if err := x.add(ctx, tx, Transfer{Site: site, Peer: peer, Study: study, Series: series, Part: part, By: by}); err != nil {
			return err
		}
		return x.note(ctx, tx, site, by, "exchange.transfer.asked", study, map[string]any{"peer": peer, "series": series, "part": part, "again": again})
	})
}

// add adds a transfer, or has one that is there go on, and the job that does it.
func (x *Exchange) add(ctx context.Context, tx *db.Tx, t Transfer) error {
	now := db.Millis(x.Now())
	var id string
	err := tx.QueryRow(ctx, `insert into exchange_transfer (`+columnsTransfer+`)
		values ($1,$2,$3,$4,$5,$6,$7,$8,$9,'','',0,0,0,0,$10,$10,0,$11)
		on conflict (site_id, peer, study_uid, series_uid, part) do update set state = excluded.state, reason = '', detail = '', attempts = 0,
			updated_ms = excluded.updated_ms, ticket = excluded.ticket, commitment = '', committed = 0, rule = excluded.rule, asked_by = excluded.asked_by returning id`,
		db.NewID(), t.Site, t.Peer, t.Study, t.Series, string(t.Part), t.Rule, t.By, string(Waiting), now, db.NewID()).Scan(&id)
	if err != nil {
		return err
	}
	return x.queue(ctx, tx, t.Site, id)
}

// queue adds the job that does a transfer.
func (x *Exchange) queue(ctx context.Context, tx *db.Tx, site, id string) error {
	args, err := json.Marshal(map[string]string{"id": id})
	if err != nil {
		return err
	}
	return x.Jobs.Add(ctx, tx, job.Job{Site: site, Kind: sendJob, Key: id, Args: args})
}

// Transfer returns one transfer. NotFound: there is none.
func (x *Exchange) Transfer(ctx context.Context, site, id string) (Transfer, error) {
	list, err := db.List(ctx, x.DB, scanTransfer, selectTransfer+` where site_id = $1 and id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no such transfer")
	}
	if err != nil {
		return Transfer{}, err
	}
	return list[0], nil
}

// Transfers returns the transfers of a site, what changed last first: those of a
// study unless it is "", in one of the states unless there are none.
func (x *Exchange) Transfers(ctx context.Context, site, study string, states []State, limit int) ([]Transfer, error) {
	text, args := selectTransfer+` where site_id = $1`, []any{site}
	if study != "" {
		args = append(args, study)
		text += fmt.Sprintf(` and study_uid = $%d`, len(args))
	}
	if len(states) > 0 {
		marks := make([]string, len(states))
		for i, s := range states {
			args = append(args, string(s))
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		text += ` and state in (` + strings.Join(marks, ", ") + `)`
	}
	args = append(args, max(1, limit))
	return db.List(ctx, x.DB, scanTransfer, text+fmt.Sprintf(` order by updated_ms desc, id desc limit $%d`, len(args)), args...)
}

// Again has a transfer that failed or was cancelled go on, on behalf of by.
func (x *Exchange) Again(ctx context.Context, by, site, id string) error {
	return x.change(ctx, by, site, id, "exchange.transfer.again", Waiting, `state in ('failed', 'cancelled', 'done', 'waiting')`)
}

// Cancel stops a transfer on behalf of by. What was sent stays sent.
func (x *Exchange) Cancel(ctx context.Context, by, site, id string) error {
	return x.change(ctx, by, site, id, "exchange.transfer.cancelled", Cancelled, `state in ('waiting', 'sending')`)
}

func (x *Exchange) change(ctx context.Context, by, site, id, kind string, to State, from string) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update exchange_transfer set state = $3, reason = '', detail = '', attempts = 0, updated_ms = $4, ticket = $5, commitment = '', committed = 0
			where site_id = $1 and id = $2 and `+from, site, id, string(to), db.Millis(x.Now()), db.NewID())
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "the transfer is not there, or not in a state for that")
		}
		if to == Waiting {
			if err := x.queue(ctx, tx, site, id); err != nil {
				return err
			}
		}
		return x.note(ctx, tx, site, by, kind, id, nil)
	})
}

// work is the job of a transfer. An error has it tried again later.
func (x *Exchange) work(ctx context.Context, j job.Job) error {
	var args struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	t, err := x.Transfer(ctx, j.Site, args.ID)
	if fault.Of(err) == fault.NotFound && err != nil || err == nil && (t.State == Cancelled || t.State == Done) {
		return nil //nolint:nilerr // nothing is left to do
	}
	if err != nil {
		return err
	}
	rest, err := x.rest(ctx, &t)
	if err != nil {
		return err
	}
	if t.Total == 0 {
		return x.end(ctx, t, Failed, ReasonGone, "")
	}
	if err := x.begin(ctx, t); err != nil {
		return err
	}
	if len(rest) > 0 {
		err = x.Line.Send(ctx, t.Site, t.Peer, rest, func(i archive.Instance, err error) error { return x.told(ctx, &t, i, err) })
		if saved := x.write(context.WithoutCancel(ctx), &t); saved != nil {
			err = saved
		}
	}
	return x.settle(ctx, t, j, err)
}

// settle decides what becomes of a transfer after an attempt.
func (x *Exchange) settle(ctx context.Context, t Transfer, j job.Job, err error) error {
	switch {
	case errors.Is(err, errStopped):
		return nil
	case err == nil && t.Refused == 0:
		return x.end(ctx, t, Done, "", "")
	case err == nil:
		return x.end(ctx, t, Failed, ReasonRefused, t.Detail)
	case ctx.Err() != nil: // the program ends: it goes on at the next start
		return err
	}
	reason := ReasonUnreachable
	if fault.Of(err) == fault.NotFound {
		reason = ReasonUnknownPeer
	}
	state, again := Waiting, err
	if fault.Of(err) == fault.NotFound || j.Attempt >= sendAttempts {
		state, again = Failed, nil
	}
	if saved := x.end(ctx, t, state, reason, plain(err)); saved != nil {
		return saved
	}
	if again != nil {
		return fault.As(fault.Unavailable, again)
	}
	return nil
}

// plain shortens what went wrong.
func plain(err error) string {
	text := err.Error()
	return text[:min(len(text), 300)]
}

// errStopped ends a transfer that a person cancelled, or that has more to do.
var errStopped = errors.New("the transfer was cancelled")

// rest returns what the peer has not taken yet, and counts what it has.
func (x *Exchange) rest(ctx context.Context, t *Transfer) ([]archive.Instance, error) {
	known, err := db.List(ctx, x.DB, func(r *db.Rows) (s struct {
		sop    string
		status int64
	}, err error,
	) {
		return s, r.Scan(&s.sop, &s.status)
	}, `select sop_uid, status from exchange_sent where site_id = $1 and peer = $2 and study_uid = $3`, t.Site, t.Peer, t.Study)
	if err != nil {
		return nil, err
	}
	sent := make(map[string]bool, len(known))
	for _, k := range known {
		if k.status == 0 {
			sent[k.sop] = true
		}
	}
	t.Total, t.Sent, t.Refused = 0, 0, 0
	var rest []archive.Instance
	due := x.all(ctx, *t)
	if t.Part == Notes {
		due = x.notes(ctx, *t, sent)
	}
	for i, err := range due {
		if err != nil {
			return nil, err
		}
		t.Total++
		if sent[i.SOP.String()] {
			t.Sent++
		} else {
			rest = append(rest, i)
		}
	}
	return rest, nil
}

// begin marks a transfer as being sent.
func (x *Exchange) begin(ctx context.Context, t Transfer) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update exchange_transfer set state = $3, total = $4, sent = $5, refused = 0, attempts = attempts + 1, updated_ms = $6
			where id = $1 and ticket = $2 and state <> 'cancelled'`, t.ID, t.ticket, string(Sending), t.Total, t.Sent, db.Millis(x.Now()))
		return err
	})
}

// An answer is what a peer said of one instance.
type answer struct {
	sop    string
	status int64 // 0: taken; -1: it could not be sent
}

// answersAtOnce is how many answers are written at once: so many are sent again, and
// known to the peer, if the program dies between.
const answersAtOnce = 32

// told notes what the peer answered to one instance.
func (x *Exchange) told(ctx context.Context, t *Transfer, i archive.Instance, said error) error {
	a := answer{sop: i.SOP.String()}
	if no, ok := errors.AsType[*RefusedError](said); ok {
		a.status, t.Detail = int64(no.Status), plain(no)
	} else if said != nil {
		a.status, t.Detail = -1, plain(said)
	}
	if a.status == 0 {
		t.Sent++
	} else {
		t.Refused++
	}
	if t.answers = append(t.answers, a); len(t.answers) < answersAtOnce {
		return nil
	}
	return x.write(ctx, t)
}

// write writes the answers that were told. It fails with errStopped when the transfer
// was cancelled.
func (x *Exchange) write(ctx context.Context, t *Transfer) error {
	answers := t.answers
	t.answers = nil
	now := db.Millis(x.Now())
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		for _, a := range answers {
			if _, err := tx.Exec(ctx, `insert into exchange_sent (site_id, peer, study_uid, sop_uid, status, at_ms) values ($1,$2,$3,$4,$5,$6)
				on conflict (site_id, peer, study_uid, sop_uid) do update set status = excluded.status, at_ms = excluded.at_ms`,
				t.Site, t.Peer, t.Study, a.sop, a.status, now); err != nil {
				return err
			}
		}
		n, err := tx.Exec(ctx, `update exchange_transfer set sent = $2, refused = $3, updated_ms = $4 where id = $1 and state <> 'cancelled'`,
			t.ID, t.Sent, t.Refused, now)
		if err == nil && n == 0 {
			return errStopped
		}
		return err
	})
}

// end writes what became of an attempt, unless there is more to do by now. What was
// sent stands in the journal when it is over.
func (x *Exchange) end(ctx context.Context, t Transfer, state State, reason, detail string) error {
	now := db.Millis(x.Now())
	done := int64(0)
	if state == Done {
		done = now
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update exchange_transfer set state = $3, reason = $4, detail = $5, total = $6, sent = $7, refused = $8, updated_ms = $9, done_ms = $10
			where id = $1 and ticket = $2 and state <> 'cancelled'`, t.ID, t.ticket, string(state), reason, detail, t.Total, t.Sent, t.Refused, now, done)
		if err != nil || n == 0 || state == Waiting {
			return err
		}
		if t.Part != Notes { // what was rejected while it was sent
			if err := x.tell(ctx, tx, t.Site, t.Study); err != nil {
				return err
			}
		}
		if state == Done && t.Part != Notes { // a note is hidden where it is followed
			if err := x.pledge(ctx, tx, t); err != nil {
				return err
			}
		}
		return x.note(ctx, tx, t.Site, t.By, "archive.object.sent", t.Study, map[string]any{
			"peer": t.Peer, "state": state, "reason": reason, "sent": t.Sent, "refused": t.Refused, "total": t.Total, "rule": t.Rule,
		})
	})
}
