package account

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

// A How is how somebody proved who they are.
type How string

// The ways.
const (
	ByPassword      How = "password"
	ByPasskey       How = "passkey"
	ByRecovery      How = "recovery"
	ByProvider      How = "provider" // a hospital's identity provider
	ByLink          How = "link"     // one that an administrator made
	ByPIN           How = "pin"      // on a workstation, after one of the others
	Demonstration   How = "demonstration"
	sessionOfCookie     = "session"
)

// A Session is the time from proving who one is until signing out.
type Session struct {
	ID, User                     string
	How                          How
	Begun, Seen, Signed, Expires time.Time
	Address, Agent               string
	Station                      string // id of the workstation, "" if it is none
	Ended                        time.Time
	Why                          string // signed_out, revoked, replaced, password, idle, expired, account
}

// manager returns the keeper of tokens and their cookie.
func (r *Register) manager() *scs.SessionManager {
	m := scs.New()
	m.Store, m.Codec = store{r}, codec{}
	m.HashTokenInStore = true
	m.Lifetime = r.o.Limits.Life // by the system clock; begin sets the deadline by ours
	m.Cookie.Name, m.Cookie.Secure = r.cookieName("session"), r.o.Secure
	m.Cookie.SameSite, m.Cookie.HttpOnly, m.Cookie.Path = http.SameSiteLaxMode, true, "/"
	m.Cookie.Persist = false // a workstation that was closed is signed out
	m.ErrorFunc = func(w http.ResponseWriter, q *http.Request, err error) {
		level := slog.LevelError
		if q.Context().Err() != nil {
			level = slog.LevelInfo // whoever asked has left, so nothing was looked up
		}
		r.o.Log.Log(q.Context(), level, "session not kept", slog.Any("error", err))
		http.Error(w, "session: the database does not answer, try again", http.StatusServiceUnavailable)
	}
	return m
}

// cookiesKey says that Sessions is around a request.
type cookiesKey struct{}

// Sessions is the middleware of doors that use cookies: Whoever and all that begins
// or ends a session works inside it. What it wraps must not sign in after it has
// begun to answer.
func (r *Register) Sessions() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		inner := r.cookies.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			ctx := context.WithValue(q.Context(), answerKey{}, w)
			next.ServeHTTP(w, q.WithContext(context.WithValue(ctx, cookiesKey{}, true)))
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			inner.ServeHTTP(w, q.WithContext(At(q.Context(), r.place(q))))
		})
	}
}

// inside reports whether Sessions is around ctx.
func inside(ctx context.Context) bool {
	in, _ := ctx.Value(cookiesKey{}).(bool)
	return in
}

// Whoever returns who asks by the cookie of a request, the zero Who if nobody is
// signed in: no session, one that ended, was idle too long, or whose account did.
func (r *Register) Whoever(ctx context.Context) (access.Who, error) {
	s, u, err := r.current(ctx)
	if err != nil || s.ID == "" {
		return access.Who{}, err
	}
	if r.o.Now().Sub(s.Seen) > time.Minute {
		if err := r.touch(ctx, s.ID); err != nil {
			return access.Who{}, err
		}
	}
	who := u.Who()
	who.Session, who.SignedAt, who.Door = s.ID, r.signed(s, u), "page"
	return who, nil
}

// current returns the session of a request and whose it is, zero if there is none
// that holds.
func (r *Register) current(ctx context.Context) (Session, access.User, error) {
	if !inside(ctx) {
		return Session{}, access.User{}, nil
	}
	id := r.cookies.GetString(ctx, sessionOfCookie)
	if id == "" {
		return Session{}, access.User{}, nil
	}
	list, err := r.sessions(ctx, r.db, `session_id = $1 and ended_at = 0`, id)
	if err != nil || len(list) == 0 || r.over(list[0]) != "" {
		return Session{}, access.User{}, err
	}
	u, err := r.users.User(ctx, list[0].User)
	if err != nil || !u.Ended.IsZero() {
		return Session{}, access.User{}, absent(err)
	}
	return list[0], u, nil
}

// absent returns nil for an error that only says that there is none.
func absent(err error) error {
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}

// over returns why a session holds no more, "" while it does. The clock may have
// stepped back: a session seen in the future is not idle.
func (r *Register) over(s Session) string {
	now := r.o.Now()
	switch {
	case !now.Before(s.Expires):
		return "expired"
	case now.Sub(s.Seen) >= r.o.Limits.Idle:
		return "idle"
	}
	return ""
}

// touch notes that a session is in use.
func (r *Register) touch(ctx context.Context, id string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update account_session set seen_at = $2 where session_id = $1 and ended_at = 0 and seen_at < $2`, id, r.now())
		return err
	})
}

// sessions reads sessions.
func (r *Register) sessions(ctx context.Context, q db.Querier, where string, args ...any) ([]Session, error) {
	return db.List(ctx, q, func(rows *db.Rows) (s Session, err error) {
		var at [5]int64
		err = rows.Scan(&s.ID, &s.User, &s.How, &at[0], &at[1], &at[2], &at[3], &s.Address, &s.Agent, &s.Station, &at[4], &s.Why)
		s.Begun, s.Seen, s.Signed, s.Expires, s.Ended = db.FromMillis(at[0]), db.FromMillis(at[1]), db.FromMillis(at[2]), db.FromMillis(at[3]), db.FromMillis(at[4])
		return s, err
	}, `select session_id, user_id, how, begun_at, seen_at, signed_at, until_at, address, agent, station_id, ended_at, ended_why
		from account_session where `+where+` order by begun_at desc, session_id`, args...)
}

// SessionsOf returns the sessions of an account that hold, the latest first.
func (r *Register) SessionsOf(ctx context.Context, user string) ([]Session, error) {
	list, err := r.sessions(ctx, r.db, `user_id = $1 and ended_at = 0`, user)
	open := list[:0]
	for _, s := range list {
		if r.over(s) == "" {
			open = append(open, s)
		}
	}
	return open, err
}

// begin begins a session of an account as part of tx and gives its cookie a new
// token: one that somebody planted in the browser is worth nothing afterwards.
// They proved who they are at signed. What also does belongs to tx.
func (r *Register) begin(ctx context.Context, u access.User, how How, signed time.Time, also func(tx *db.Tx) error) (access.Who, error) {
	now, p := r.o.Now(), PlaceOf(ctx)
	s := Session{ID: db.NewID(), User: u.ID, How: how, Begun: now, Seen: now, Signed: signed, Expires: now.Add(r.o.Limits.Life), Station: p.Station}
	if p.Address.IsValid() {
		s.Address = p.Address.String()
	}
	s.Agent = p.Agent
	if shift := signed.Add(r.o.Limits.Shift); how == ByPIN && shift.Before(s.Expires) {
		s.Expires = shift
	}
	device, err := r.device(ctx, p)
	if err != nil {
		return access.Who{}, err
	}
	before := ""
	if inside(ctx) {
		before = r.cookies.GetString(ctx, sessionOfCookie)
	}
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.end(ctx, tx, u.ID, before, "replaced"); err != nil {
			return err
		}
		if err := r.insert(ctx, tx, s); err != nil {
			return err
		}
		if how != ByPIN && how != Demonstration {
			if err := errors.Join(r.known(ctx, tx, u.ID, device), r.forgive(ctx, tx, u.ID, p.Station)); err != nil {
				return err
			}
		}
		if also == nil {
			return nil
		}
		return also(tx)
	})
	if err != nil {
		return access.Who{}, err
	}
	if inside(ctx) {
		if err := r.cookies.RenewToken(ctx); err != nil {
			return access.Who{}, err
		}
		r.cookies.SetDeadline(ctx, s.Expires.UTC())
		r.cookies.Put(ctx, sessionOfCookie, s.ID)
	}
	who := u.Who()
	who.Session, who.SignedAt, who.Door = s.ID, r.signed(s, u), "page"
	return who, nil
}

// insert writes a session and its entry in the journal.
func (r *Register) insert(ctx context.Context, tx *db.Tx, s Session) error {
	_, err := tx.Exec(ctx, `insert into account_session
		(session_id, site_id, user_id, how, begun_at, seen_at, signed_at, until_at, address, agent, station_id)
		values ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10)`,
		s.ID, site.Default, s.User, string(s.How), db.Millis(s.Begun), db.Millis(s.Signed), db.Millis(s.Expires), s.Address, s.Agent, s.Station)
	if err != nil {
		return err
	}
	data := map[string]any{"how": string(s.How), "address": s.Address}
	if s.Station != "" {
		data["station"] = s.Station
	}
	return r.record(ctx, tx, s.User, "access.session.begun", s.ID, data)
}

// end ends one session as part of tx, if it holds; "" is none.
func (r *Register) end(ctx context.Context, tx *db.Tx, by, id, why string) error {
	if id == "" {
		return nil
	}
	n, err := tx.Exec(ctx, `update account_session set ended_at = $2, ended_why = $3 where session_id = $1 and ended_at = 0`, id, r.now(), why)
	if err != nil || n == 0 {
		return err
	}
	return r.record(ctx, tx, by, "access.session.ended", id, map[string]any{"why": why})
}

// endAll ends the sessions of an account as part of tx, but for one.
func (r *Register) endAll(ctx context.Context, tx *db.Tx, by, user, but, why string) error {
	list, err := r.sessions(ctx, tx, `user_id = $1 and ended_at = 0 and session_id <> $2`, user, but)
	for _, s := range list {
		if err == nil {
			err = r.end(ctx, tx, by, s.ID, why)
		}
	}
	return err
}

// Revoke ends a session of an account, or all of them if id is "". NotFound: the
// account has no such session.
func (r *Register) Revoke(ctx context.Context, user, id string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if id == "" {
			return r.endAll(ctx, tx, actor(ctx), user, "", "revoked")
		}
		list, err := r.sessions(ctx, tx, `session_id = $1 and user_id = $2`, id, user)
		if err == nil && len(list) == 0 {
			err = fault.Errorf(fault.NotFound, "no such session of this account")
		}
		if err != nil {
			return err
		}
		return r.end(ctx, tx, actor(ctx), id, "revoked")
	})
}

// RevokeOthers ends the sessions of an account but for one.
func (r *Register) RevokeOthers(ctx context.Context, user, but string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error { return r.endAll(ctx, tx, actor(ctx), user, but, "revoked") })
}

// LastSeen returns when each account was last seen, as far as its sessions are kept.
func (r *Register) LastSeen(ctx context.Context) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	_, err := db.List(ctx, r.db, func(rows *db.Rows) (none struct{}, err error) {
		var user string
		var at int64
		err = rows.Scan(&user, &at)
		all[user] = db.FromMillis(at)
		return none, err
	}, `select user_id, max(seen_at) from account_session group by user_id`)
	return all, err
}

// Proved returns the accounts that have a password or a passkey.
func (r *Register) Proved(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	_, err := db.List(ctx, r.db, func(rows *db.Rows) (none struct{}, err error) {
		var user string
		err = rows.Scan(&user)
		all[user] = true
		return none, err
	}, `select user_id from account_password union select user_id from account_passkey`)
	return all, err
}

// SignOut ends the session of a request and takes its cookie back.
func (r *Register) SignOut(ctx context.Context) error {
	if !inside(ctx) {
		return nil
	}
	s, _, err := r.current(ctx)
	if err != nil {
		return err
	}
	if s.ID != "" {
		err = r.db.Write(ctx, func(tx *db.Tx) error { return r.end(ctx, tx, s.User, s.ID, "signed_out") })
	}
	if err != nil {
		return err
	}
	return r.cookies.Destroy(ctx)
}

// signed returns when whoever holds a session proved who they are. The ready accounts of
// a demonstration have nothing to prove it by, and are never asked anew. Whoever
// seems to have signed in after now, because the clock was put back, is asked.
func (r *Register) signed(s Session, u access.User) time.Time {
	if now := r.o.Now(); r.o.Demonstration && Ready(u) && !s.Signed.After(now) {
		return now
	}
	return s.Signed
}

// again notes as part of a request that whoever is signed in proved it anew.
func (r *Register) again(ctx context.Context, s Session, how How, also func(tx *db.Tx) error) error {
	err := r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update account_session set signed_at = $2, seen_at = $2 where session_id = $1 and ended_at = 0`, s.ID, r.now())
		if err == nil {
			err = r.record(ctx, tx, s.User, "access.session.renewed", s.ID, map[string]any{"how": string(how)})
		}
		if err == nil && also != nil {
			err = also(tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := r.cookies.RenewToken(ctx); err != nil {
		return err
	}
	r.cookies.SetDeadline(ctx, s.Expires.UTC())
	return nil
}

// device returns the id of the device of a request, and gives it one if it has none.
func (r *Register) device(ctx context.Context, p Place) (string, error) {
	if p.Device != "" || !inside(ctx) {
		return p.Device, nil
	}
	b, err := r.random(16)
	if err != nil {
		return "", err
	}
	id := text64.EncodeToString(b)
	return id, r.keep(ctx, deviceCookie, id)
}

// known notes as part of tx that an account signed in on a device.
func (r *Register) known(ctx context.Context, tx *db.Tx, user, device string) error {
	if device == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `insert into account_device (user_id, device_hash, site_id, first_at, last_at) values ($1, $2, $3, $4, $4)
		on conflict (user_id, device_hash) do update set last_at = $4`, user, r.keyed("device id", device), site.Default, r.now())
	return err
}

// knows reports whether an account signed in on a device before.
func (r *Register) knows(ctx context.Context, user, device string) (bool, error) {
	var n int
	err := r.db.QueryRow(ctx, `select count(*) from account_device where user_id = $1 and device_hash = $2`, user, r.keyed("device id", device)).Scan(&n)
	return n > 0, err
}
