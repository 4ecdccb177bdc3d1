package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

// A Station is a workstation that people share. It is a browser that an
// administrator has registered; a cookie knows it.
type Station struct {
	ID, Name string
	Room     string // id of the room it stands in, "" for none
	Made     time.Time
}

// Station registers the browser of a request as a workstation, or gives the one it
// is another name and room. Invalid: the name is empty or long.
func (r *Register) Station(ctx context.Context, name, room string) error {
	if name = strings.TrimSpace(name); name == "" || len(name) > 80 {
		return fault.Errorf(fault.Invalid, "workstation: a name has 1 to 80 bytes")
	}
	here, is, err := r.Here(ctx)
	if err != nil {
		return err
	}
	if !is {
		here.ID = db.NewID()
	}
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into account_station (station_id, site_id, name, room_id, made_by, made_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (station_id) do update set name = $3, room_id = $4`, here.ID, site.Default, name, room, actor(ctx), r.now())
		if err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), "access.station.named", here.ID, map[string]any{"name": name, "room": room})
	})
	if err != nil {
		return err
	}
	return r.keep(ctx, stationCookie, here.ID)
}

// Here returns the workstation of a request, and whether it is one.
func (r *Register) Here(ctx context.Context) (Station, bool, error) {
	id := PlaceOf(ctx).Station
	if id == "" {
		return Station{}, false, nil
	}
	list, err := r.stations(ctx, `station_id = $1 and ended_at = 0`, id)
	if err != nil || len(list) == 0 {
		return Station{}, false, err
	}
	return list[0], true, nil
}

// Stations returns the workstations, sorted by name.
func (r *Register) Stations(ctx context.Context) ([]Station, error) {
	return r.stations(ctx, `ended_at = 0`)
}

// stations reads workstations.
func (r *Register) stations(ctx context.Context, where string, args ...any) ([]Station, error) {
	return db.List(ctx, r.db, func(rows *db.Rows) (s Station, err error) {
		var made int64
		err = rows.Scan(&s.ID, &s.Name, &s.Room, &made)
		s.Made = db.FromMillis(made)
		return s, err
	}, `select station_id, name, room_id, made_at from account_station where `+where+` order by name, station_id`, args...)
}

// EndStation makes a workstation a browser like others: no PIN works there any more.
func (r *Register) EndStation(ctx context.Context, id string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update account_station set ended_at = $2 where station_id = $1 and ended_at = 0`, id, r.now())
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "no such workstation")
		}
		if err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), "access.station.ended", id, map[string]any{})
	})
}

// SetPIN gives an account the PIN of the fast switch; "" takes it away. Invalid with
// a WeakError: it is not four to eight digits, or a run.
func (r *Register) SetPIN(ctx context.Context, user, pin string) error {
	hash := ""
	if pin != "" {
		if err := pinRule(pin); err != nil {
			return err
		}
		var err error
		if hash, err = r.hasher.hash(ctx, r.pinSecret(user, pin)); err != nil {
			return err
		}
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from account_pin where user_id = $1`, user)
		if err == nil {
			_, err = tx.Exec(ctx, `delete from account_pin_wrong where user_id = $1`, user)
		}
		if err == nil && hash != "" {
			_, err = tx.Exec(ctx, `insert into account_pin (user_id, site_id, hash, set_at) values ($1, $2, $3, $4)`, user, site.Default, hash, r.now())
		}
		if err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), "access.pin.set", user, map[string]any{"has": hash != ""})
	})
}

// pinSecret returns what is hashed of a PIN: few digits are guessed at once by
// whoever has the hash, unless our key is needed too.
func (r *Register) pinSecret(user, pin string) []byte {
	h := hmac.New(sha256.New, r.keys.hash)
	h.Write([]byte("pin " + user + " " + pin))
	return h.Sum(nil)
}

// HasPIN reports whether an account has a PIN.
func (r *Register) HasPIN(ctx context.Context, user string) (bool, error) {
	hash, err := r.pin(ctx, user)
	return hash != "", err
}

// pin returns the hash of an account's PIN, "" if it has none.
func (r *Register) pin(ctx context.Context, user string) (hash string, err error) {
	err = r.db.QueryRow(ctx, `select hash from account_pin where user_id = $1`, user).Scan(&hash)
	return hash, absent(err)
}

// wrongPINs is how many wrong PINs make a workstation ask for a full sign-in.
const wrongPINs = 5

// OnShift returns the people who may change over with a PIN on the workstation of a
// request: who signed in fully there within Limits.Shift and has a PIN that was not
// tried too often. The latest comes first.
func (r *Register) OnShift(ctx context.Context) ([]access.User, error) {
	here, is, err := r.Here(ctx)
	if err != nil || !is {
		return nil, err
	}
	users, err := db.List(ctx, r.db, func(rows *db.Rows) (id string, err error) { return id, rows.Scan(&id) },
		`select s.user_id from account_session s join account_pin p on p.user_id = s.user_id
			left join account_pin_wrong w on w.user_id = s.user_id and w.station_id = s.station_id
		where s.station_id = $1 and s.signed_at > $2 and s.how not in ('pin', 'demonstration') and s.ended_why not in ('revoked', 'password', 'account') and coalesce(w.n, 0) < $3
		order by s.signed_at desc`, here.ID, db.Millis(r.o.Now().Add(-r.o.Limits.Shift)), wrongPINs)
	if err != nil {
		return nil, err
	}
	var all []access.User
	for _, id := range users {
		if slices.ContainsFunc(all, func(u access.User) bool { return u.ID == id }) {
			continue
		}
		u, err := r.users.User(ctx, id)
		if err != nil {
			return nil, err
		}
		if u.Ended.IsZero() {
			all = append(all, u)
		}
	}
	return all, nil
}

// Switch ends the session of a request and begins one of somebody on shift who knows
// their PIN. What they prove is as old as their last full sign-in there. Forbidden:
// they are not on shift, or the PIN is wrong.
func (r *Register) Switch(ctx context.Context, user, pin string) (access.Who, error) {
	on, err := r.OnShift(ctx)
	if err != nil {
		return access.Who{}, err
	}
	i := slices.IndexFunc(on, func(u access.User) bool { return u.ID == user })
	if i < 0 {
		return access.Who{}, fault.Errorf(fault.Forbidden, "change over: sign in fully first on this workstation")
	}
	u, station := on[i], PlaceOf(ctx).Station
	if err := r.countPIN(ctx, user, station); err != nil {
		return access.Who{}, err
	}
	hash, err := r.pin(ctx, user)
	if err != nil {
		return access.Who{}, err
	}
	ok, _, err := r.hasher.check(ctx, r.pinSecret(user, pin), hash)
	if err != nil {
		return access.Who{}, err
	}
	if !ok {
		return access.Who{}, r.refuse(ctx, u, ByPIN, nil)
	}
	signed, err := r.signedHere(ctx, user, station)
	if err != nil {
		return access.Who{}, err
	}
	return r.begin(ctx, u, ByPIN, signed, func(tx *db.Tx) error { return r.forgive(ctx, tx, user, station) })
}

// countPIN counts a PIN before it is looked at: Forbidden if there were too many.
func (r *Register) countPIN(ctx context.Context, user, station string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		var n int64
		err := tx.QueryRow(ctx, `insert into account_pin_wrong (user_id, station_id, site_id, n) values ($1, $2, $3, 1)
			on conflict (user_id, station_id) do update set n = account_pin_wrong.n + 1 returning n`, user, station, site.Default).Scan(&n)
		if err == nil && n > wrongPINs {
			err = fault.Errorf(fault.Forbidden, "change over: too many wrong PINs, sign in fully")
		}
		return err
	})
}

// forgive forgets wrong PINs of an account on a workstation as part of tx.
func (r *Register) forgive(ctx context.Context, tx *db.Tx, user, station string) error {
	_, err := tx.Exec(ctx, `delete from account_pin_wrong where user_id = $1 and station_id = $2`, user, station)
	return err
}

// signedHere returns when an account last signed in fully on a workstation.
func (r *Register) signedHere(ctx context.Context, user, station string) (time.Time, error) {
	var at int64
	err := r.db.QueryRow(ctx, `select coalesce(max(signed_at), 0) from account_session
		where user_id = $1 and station_id = $2 and how not in ('pin', 'demonstration')`, user, station).Scan(&at)
	return db.FromMillis(at), err
}
