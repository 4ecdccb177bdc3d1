package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
)

// A Fetch is a study on its way from a peer to here. It is done when every instance
// that the peer lists is kept here.
type Fetch struct {
	ID, Site, Peer, Study string
	Part                  Part
	Source, By            string // Source is the id of a migration or dose rule, "" if a person asked
	State                 State
	Reason                string // a word; see the constants of reasons
	Detail                string // what the peer or the network said, without patient data
	Way                   Way
	Attempts              int64
	There, Here           int64 // instances the peer lists of the part, and how many of those are kept here
	Extra                 int64 // kept here of the study, and not listed by the peer
	Added, Updated, Done  time.Time

	ticket string
}

const (
	fetchJob      = "exchange.study.fetch"
	fetchAttempts = 24             // of a peer that does not answer
	fetchRefusals = 3              // of one that answers and does not give
	fetchTakes    = 12 * time.Hour // the longest attempt
)

const columnsFetch = `id, site_id, peer, study_uid, part, source, asked_by, state, reason, detail, way, attempts, there, here, extra, added_ms, updated_ms, done_ms, ticket`

func scanFetch(r *db.Rows) (f Fetch, err error) {
	var added, updated, done int64
	err = r.Scan(&f.ID, &f.Site, &f.Peer, &f.Study, &f.Part, &f.Source, &f.By, &f.State, &f.Reason, &f.Detail, &f.Way, &f.Attempts,
		&f.There, &f.Here, &f.Extra, &added, &updated, &done, &f.ticket)
	f.Added, f.Updated, f.Done = db.FromMillis(added), db.FromMillis(updated), db.FromMillis(done)
	return f, err
}

// Search asks a peer for studies. Nothing of what it answers is kept.
func (x *Exchange) Search(ctx context.Context, site, peer string, q Search) ([]Found, error) {
	if x.Source == nil {
		return nil, fault.Errorf(fault.Unsupported, "nothing can be fetched here")
	}
	return x.Source.Search(ctx, site, peer, q)
}

// Fetch begins to fetch a study from a peer on behalf of by.
func (x *Exchange) Fetch(ctx context.Context, by, site, peer, study string, part Part) error {
	if _, err := uid.Parse(study); err != nil || peer == "" || part != All && part != Reports && part != Doses {
		return fault.Errorf(fault.Invalid, "fetch: a peer, a study and a part are needed")
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		if err := x.addFetch(ctx, tx, Fetch{Site: site, Peer: peer, Study: study, Part: part, By: by}); err != nil {
			return err
		}
		return x.note(ctx, tx, site, by, "archive.study.fetch", study, map[string]any{"peer": peer, "part": part})
	})
}

// addFetch adds a fetch, or has one that is there begin anew, and the job that does it.
func (x *Exchange) addFetch(ctx context.Context, tx *db.Tx, f Fetch) error {
	var id string
	err := tx.QueryRow(ctx, `insert into exchange_fetch (`+columnsFetch+`)
		values ($1,$2,$3,$4,$5,$6,$7,$8,'','','',0,0,0,0,$9,$9,0,$10)
		on conflict (site_id, peer, study_uid, part) do update set state = excluded.state, reason = '', detail = '', attempts = 0,
			updated_ms = excluded.updated_ms, ticket = excluded.ticket, source = excluded.source, asked_by = excluded.asked_by returning id`,
		db.NewID(), f.Site, f.Peer, f.Study, string(f.Part), f.Source, f.By, string(Waiting), db.Millis(x.Now()), db.NewID()).Scan(&id)
	if err != nil {
		return err
	}
	return x.queueFetch(ctx, tx, f.Site, id)
}

// queueFetch adds the job that does a fetch.
func (x *Exchange) queueFetch(ctx context.Context, tx *db.Tx, site, id string) error {
	args, err := json.Marshal(map[string]string{"id": id})
	if err != nil {
		return err
	}
	return x.Jobs.Add(ctx, tx, job.Job{Site: site, Kind: fetchJob, Key: id, Args: args})
}

// FetchOf returns one fetch. NotFound: there is none.
func (x *Exchange) FetchOf(ctx context.Context, site, id string) (Fetch, error) {
	list, err := db.List(ctx, x.DB, scanFetch, `select `+columnsFetch+` from exchange_fetch where site_id = $1 and id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "nothing of that id is fetched")
	}
	if err != nil {
		return Fetch{}, err
	}
	return list[0], nil
}

// Fetches returns what is and was fetched, what changed last first, in one of the
// states unless there are none.
func (x *Exchange) Fetches(ctx context.Context, site string, states []State, limit int) ([]Fetch, error) {
	text, args := `select `+columnsFetch+` from exchange_fetch where site_id = $1`, []any{site}
	if len(states) > 0 {
		marks := make([]string, len(states))
		for i, s := range states {
			args = append(args, string(s))
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		text += ` and state in (` + strings.Join(marks, ", ") + `)`
	}
	args = append(args, max(1, limit))
	return db.List(ctx, x.DB, scanFetch, text+fmt.Sprintf(` order by updated_ms desc, id desc limit $%d`, len(args)), args...)
}

// FetchAgain has a fetch that failed or was cancelled begin anew, on behalf of by.
func (x *Exchange) FetchAgain(ctx context.Context, by, site, id string) error {
	return x.changeFetch(ctx, by, site, id, "exchange.fetch.again", Waiting, `state in ('failed', 'cancelled', 'done', 'waiting')`)
}

// FetchCancel stops a fetch on behalf of by. What came stays.
func (x *Exchange) FetchCancel(ctx context.Context, by, site, id string) error {
	return x.changeFetch(ctx, by, site, id, "exchange.fetch.cancelled", Cancelled, `state in ('waiting', 'fetching')`)
}

func (x *Exchange) changeFetch(ctx context.Context, by, site, id, kind string, to State, from string) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update exchange_fetch set state = $3, reason = '', detail = '', attempts = 0, updated_ms = $4, ticket = $5
			where site_id = $1 and id = $2 and `+from, site, id, string(to), db.Millis(x.Now()), db.NewID())
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "it is not there, or not in a state for that")
		}
		if to == Waiting {
			if err := x.queueFetch(ctx, tx, site, id); err != nil {
				return err
			}
		}
		return x.note(ctx, tx, site, by, kind, id, nil)
	})
}
