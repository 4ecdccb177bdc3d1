package worklist

import (
	"context"
	"encoding/json"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A Setting is how the worklist treats a site, or one of its peers.
type Setting struct {
	OwnOnly      bool  `json:"own_only"`      // a peer is shown only what is scheduled for its own title
	OfferDays    int   `json:"offer_days"`    // a step not begun so long after its start is offered no more
	MostEntries  int   `json:"most_entries"`  // answers to one query
	QuietSeconds int64 `json:"quiet_seconds"` // a study nobody added to for so long is complete
	DoneSeconds  int64 `json:"done_seconds"`  // likewise, once the machine says that it is done
	MatchHours   int   `json:"match_hours"`   // between the scheduled start and a study that may belong to it
}

// defaults are what holds where nobody said otherwise.
var defaults = Setting{OfferDays: 14, MostEntries: 1000, QuietSeconds: 300, DoneSeconds: 60, MatchHours: 12}

// quiet returns how long a study has to be quiet.
func (s Setting) quiet(done bool) time.Duration {
	if done && s.DoneSeconds < s.QuietSeconds {
		return time.Duration(s.DoneSeconds) * time.Second
	}
	return time.Duration(s.QuietSeconds) * time.Second
}

// check refuses what cannot be.
func (s Setting) check() error {
	switch {
	case s.OfferDays < 1 || s.OfferDays > 3660:
		return fault.Errorf(fault.Invalid, "setting: a step is offered for 1 to 3660 days")
	case s.MostEntries < 1 || s.MostEntries > 100_000:
		return fault.Errorf(fault.Invalid, "setting: 1 to 100000 answers")
	case s.QuietSeconds < 0 || s.DoneSeconds < 0 || s.QuietSeconds > 7*86400 || s.DoneSeconds > 7*86400:
		return fault.Errorf(fault.Invalid, "setting: a study is quiet for 0 seconds to 7 days")
	case s.MatchHours < 0 || s.MatchHours > 24*366:
		return fault.Errorf(fault.Invalid, "setting: a study is matched within 0 to 8784 hours")
	}
	return nil
}

// Setting returns what holds for a peer of a site; "" is the site itself.
func (r *Register) Setting(ctx context.Context, siteID, peer string) (Setting, error) {
	return setting(ctx, r.DB, siteID, peer)
}

func setting(ctx context.Context, q db.Querier, siteID, peer string) (Setting, error) {
	list, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select data from worklist_setting where site_id = $1 and peer in ('', $2) order by peer`, siteID, peer)
	s := defaults
	for _, text := range list { // that of the site first
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return s, fault.Errorf(fault.Internal, "setting of the worklist: %w", err)
		}
	}
	return s, err
}

// SetSetting says what holds for a site, or for a peer of it in its place.
func (r *Register) SetSetting(ctx context.Context, siteID, peer string, s Setting) error {
	if err := access.Check(ctx, access.SiteChange, access.Subject{Site: siteID}); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into worklist_setting (site_id, peer, data) values ($1, $2, $3)
			on conflict (site_id, peer) do update set data = excluded.data`, siteID, peer, string(text))
		if err != nil {
			return err
		}
		return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: "worklist.setting.changed", Subject: peer}, s, nil)
	})
}
