package exchange

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
)

// A Committer asks peers whether they answer for what they took (storage commitment,
// PS3.4 Annex J).
type Committer interface {
	// Commit asks a peer of a site to answer for instances, under a transaction. What it
	// answers while Commit waits is told to told; what it answers later goes to
	// Exchange.Answered. Unsupported: the peer does not offer it; a *RefusedError: it
	// said no; other errors are worth another try.
	Commit(ctx context.Context, site, peer string, transaction uid.UID, instances []archive.Instance, told func(context.Context, Commitment) error) error
}

// A Commitment is what a peer answers.
type Commitment struct {
	Transaction uid.UID
	Kept        []uid.UID          // it answers for these
	Failed      map[uid.UID]uint16 // not for these; the failure reason of PS3.4 J.3.3
}

// The states of the commitment of a transfer; "" is not asked yet.
const (
	CommitAsked      = "asked"
	CommitDone       = "committed" // the peer answers for all
	CommitFailed     = "failed"    // not for all: what it lacks can be sent again
	CommitSilent     = "silent"    // it never said
	CommitRefused    = "refused"   // it did not take the question
	CommitNotOffered = "not_offered"
)

const (
	commitJob      = "exchange.commitment.ask"
	commitLateJob  = "exchange.commitment.late"
	commitAttempts = 8
	commitMost     = 2000           // instances of one transaction
	commitWaits    = 24 * time.Hour // for an answer, before it is said that none came
)

// pledge has a peer asked about a transfer that is done, as part of tx.
func (x *Exchange) pledge(ctx context.Context, tx *db.Tx, t Transfer) error {
	if x.Committer == nil {
		return nil
	}
	args, err := json.Marshal(map[string]string{"id": t.ID, "ticket": t.ticket})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update exchange_transfer set commitment = '', committed = 0 where id = $1`, t.ID); err != nil {
		return err
	}
	return x.Jobs.Add(ctx, tx, job.Job{Site: t.Site, Kind: commitJob, Key: t.ID, Args: args})
}

// askCommitment is the job that asks.
func (x *Exchange) askCommitment(ctx context.Context, j job.Job) error {
	var args struct {
		ID     string `json:"id"`
		Ticket string `json:"ticket"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	t, err := x.Transfer(ctx, j.Site, args.ID)
	if err != nil && fault.Of(err) == fault.NotFound || err == nil && (t.State != Done || t.ticket != args.Ticket) {
		return nil // there is more to do, and then it is asked anew
	}
	if err != nil {
		return err
	}
	list, err := x.taken(ctx, t)
	if err != nil {
		return err
	}
	if err := x.forget(ctx, `transfer = $1`, t.ID); err != nil { // what earlier attempts asked
		return err
	}
	for some := range slices.Chunk(list, commitMost) {
		err := x.askAbout(ctx, t, some)
		state := ""
		switch {
		case err == nil:
			continue
		case fault.Of(err) == fault.Unsupported:
			state = CommitNotOffered
		case isRefused(err):
			state = CommitRefused
		case fault.Of(err) == fault.NotFound, j.Attempt >= commitAttempts:
			state = CommitSilent
		default:
			return fault.As(fault.Unavailable, err)
		}
		return x.DB.Write(ctx, func(tx *db.Tx) error { return x.commitment(ctx, tx, t.ID, t.ticket, state, 0) })
	}
	return nil
}

// taken returns the instances of a transfer that the peer took.
func (x *Exchange) taken(ctx context.Context, t Transfer) (all []archive.Instance, err error) {
	sent, err := db.List(ctx, x.DB, func(r *db.Rows) (sop string, err error) { return sop, r.Scan(&sop) },
		`select sop_uid from exchange_sent where site_id = $1 and peer = $2 and study_uid = $3 and status = 0`, t.Site, t.Peer, t.Study)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(sent))
	for _, s := range sent {
		known[s] = true
	}
	for i, err := range x.all(ctx, t) {
		if err != nil {
			return nil, err
		}
		if known[i.SOP.String()] {
			all = append(all, i)
		}
	}
	return all, nil
}

// askAbout asks about some instances. That it was asked is written before it is: the
// answer may come sooner than the end of the question.
func (x *Exchange) askAbout(ctx context.Context, t Transfer, list []archive.Instance) error {
	transaction, err := uid.New(x.random())
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	name := transaction.String()
	err = x.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `insert into exchange_commitment (transaction_uid, site_id, peer, transfer, ticket, study_uid, instances, kept, failed, state, asked_ms, answered_ms)
			values ($1,$2,$3,$4,$5,$6,$7,0,0,'asked',$8,0)`, name, t.Site, t.Peer, t.ID, t.ticket, t.Study, len(list), db.Millis(x.Now())); err != nil {
			return err
		}
		return x.commitment(ctx, tx, t.ID, t.ticket, CommitAsked, 0)
	})
	if err != nil {
		return err
	}
	err = x.Committer.Commit(ctx, t.Site, t.Peer, transaction, list, func(ctx context.Context, c Commitment) error {
		return x.Answered(ctx, t.Site, t.Peer, c)
	})
	after := context.WithoutCancel(ctx)
	if err != nil { // nobody will answer to it
		return errors.Join(err, x.forget(after, `transaction_uid = $1 and state = 'asked'`, name))
	}
	args, err := json.Marshal(map[string]string{"transaction": name})
	if err != nil {
		return err
	}
	return x.DB.Write(after, func(tx *db.Tx) error {
		return x.Jobs.Add(after, tx, job.Job{Site: t.Site, Kind: commitLateJob, Key: name, Args: args, RunAt: x.Now().Add(commitWaits)})
	})
}

// forget removes what was asked.
func (x *Exchange) forget(ctx context.Context, which, arg string) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from exchange_commitment where `+which, arg)
		return err
	})
}

// random returns what UIDs are made of.
func (x *Exchange) random() io.Reader {
	if x.Random == nil {
		return rand.Reader
	}
	return x.Random
}

// commitment notes how it stands with a transfer, unless there is more to do by now.
func (x *Exchange) commitment(ctx context.Context, tx *db.Tx, id, ticket, state string, kept int64) error {
	_, err := tx.Exec(ctx, `update exchange_transfer set commitment = $3, committed = $4 where id = $1 and ticket = $2`, id, ticket, state, kept)
	return err
}

// late is the job that notes that no answer came.
func (x *Exchange) late(ctx context.Context, j job.Job) error {
	var args struct {
		Transaction string `json:"transaction"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		var id, ticket string
		err := tx.QueryRow(ctx, `update exchange_commitment set state = 'silent' where transaction_uid = $1 and state = 'asked' returning transfer, ticket`, args.Transaction).Scan(&id, &ticket)
		if err != nil {
			if fault.Of(err) == fault.NotFound {
				return nil // it came
			}
			return err
		}
		return x.sum(ctx, tx, id, ticket)
	})
}

// Answered takes what a peer answers, also twice, and also after it was thought to be
// silent. NotFound: nothing was asked of this peer under that transaction.
func (x *Exchange) Answered(ctx context.Context, site, peer string, c Commitment) error {
	now := db.Millis(x.Now())
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		var id, ticket, study string
		var instances int64
		err := tx.QueryRow(ctx, `select transfer, ticket, study_uid, instances from exchange_commitment where transaction_uid = $1 and site_id = $2 and peer = $3`,
			c.Transaction.String(), site, peer).Scan(&id, &ticket, &study, &instances)
		if err != nil {
			return err
		}
		var kept int64
		for _, u := range c.Kept {
			n, err := tx.Exec(ctx, `update exchange_sent set committed_ms = $5 where site_id = $1 and peer = $2 and study_uid = $3 and sop_uid = $4 and status = 0`,
				site, peer, study, u.String(), now)
			if err != nil {
				return err
			}
			kept += n
		}
		for u, reason := range c.Failed { // it may be sent again
			if _, err := tx.Exec(ctx, `update exchange_sent set committed_ms = 0, status = $5 where site_id = $1 and peer = $2 and study_uid = $3 and sop_uid = $4`,
				site, peer, study, u.String(), max(1, int64(reason))); err != nil {
				return err
			}
		}
		kept = min(kept, instances)
		if _, err := tx.Exec(ctx, `update exchange_commitment set state = 'answered', kept = $2, failed = $3, answered_ms = $4 where transaction_uid = $1`,
			c.Transaction.String(), kept, instances-kept, now); err != nil {
			return err
		}
		if err := x.sum(ctx, tx, id, ticket); err != nil {
			return err
		}
		return x.note(ctx, tx, site, "ae:"+peer, "archive.object.committed", study, map[string]any{"peer": peer, "kept": kept, "failed": instances - kept})
	})
}

// sum makes the state of a transfer out of its transactions.
func (x *Exchange) sum(ctx context.Context, tx *db.Tx, id, ticket string) error {
	var kept, failed, asked, silent int64
	if err := tx.QueryRow(ctx, `select coalesce(sum(kept), 0), coalesce(sum(failed), 0), coalesce(sum(case when state = 'asked' then 1 else 0 end), 0),
		coalesce(sum(case when state = 'silent' then 1 else 0 end), 0) from exchange_commitment where transfer = $1 and ticket = $2`, id, ticket).
		Scan(&kept, &failed, &asked, &silent); err != nil {
		return err
	}
	state := CommitDone
	switch {
	case failed > 0:
		state = CommitFailed
	case asked > 0:
		state = CommitAsked
	case silent > 0:
		state = CommitSilent
	}
	return x.commitment(ctx, tx, id, ticket, state, kept)
}
