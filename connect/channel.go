package connect

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A ChannelState says what is done with the messages of a sender.
type ChannelState string

// The states.
const (
	Accepted ChannelState = "accepted" // they are stored and applied
	Held     ChannelState = "held"     // they are stored, and applied once the sender is accepted
	Blocked  ChannelState = "blocked"  // they are refused
	Knocking ChannelState = "knocking" // nobody has decided: they are refused, and counted
)

// A Channel is a system that sends messages, known by what it calls itself (MSH-3,
// MSH-4), and what people decided about it.
type Channel struct {
	ID, Site    string
	Name        string
	Application string        // MSH-3.1
	Facility    string        // MSH-4.1; "" is any
	Addresses   []string      // addresses or networks it may send from; none: from anywhere that reaches the port
	Mapping     string        // content set with its manner; "" is the default alone
	Zone        string        // of times without one; "" is the site's
	Home        string        // the assigning authority whose numbers objects bear without an issuer
	Charset     string        // of messages that do not say theirs; "" guesses
	WaitUnknown bool          // messages about unknown persons wait for somebody
	UseSizes    bool          // heights and weights are used, not only kept
	Silence     time.Duration // without a message until somebody is told; 0: never
	State       ChannelState
	Knocked     int // times it sent while it was not accepted
	Last        time.Time
	LastFrom    string
	Changed     time.Time
	ChangedBy   string
}

// check reports what is wrong with a channel.
func (c Channel) check() error {
	switch {
	case c.Application == "" || len(c.Application) > 180 || len(c.Facility) > 180:
		return fault.Errorf(fault.Invalid, "channel: the sending application (MSH-3) is needed, in at most 180 bytes")
	case len(c.Name) > 200:
		return fault.Errorf(fault.Invalid, "channel: the name has at most 200 bytes")
	case !slices.Contains([]ChannelState{Accepted, Held, Blocked}, c.State):
		return fault.Errorf(fault.Invalid, "channel: the state is accepted, held or blocked")
	case c.Silence < 0 || c.Silence > 31*24*time.Hour:
		return fault.Errorf(fault.Invalid, "channel: silence is told after at most 31 days")
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		return fault.Errorf(fault.Invalid, "channel: there is no time zone %q", c.Zone)
	}
	for _, a := range c.Addresses {
		if _, err := parsePlace(a); err != nil {
			return fault.Errorf(fault.Invalid, "channel: %q is no address and no network (write 10.1.2.3 or 10.1.0.0/16)", a)
		}
	}
	return nil
}

func parsePlace(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Prefix(a.BitLen())
	}
	return netip.ParsePrefix(s)
}

// from reports whether the sender may send from an address.
func (c Channel) from(address string) bool {
	if len(c.Addresses) == 0 {
		return true
	}
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(c.Addresses, func(s string) bool {
		p, err := parsePlace(s)
		return err == nil && p.Contains(a.Unmap())
	})
}

// Channels returns the channels of a site: those who knock first, then by name.
func (r *Register) Channels(ctx context.Context, site string) ([]Channel, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, err
	}
	return r.channels(ctx, site)
}

func (r *Register) channels(ctx context.Context, site string) ([]Channel, error) {
	return db.List(ctx, r.DB, scanChannel, fromChannel+`where site_id = $1 order by case state when 'knocking' then 0 else 1 end, name, channel_id`, site)
}

// Channel returns one channel. NotFound: the site has none of that id.
func (r *Register) Channel(ctx context.Context, site, id string) (Channel, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return Channel{}, err
	}
	return r.channel(ctx, r.DB, site, id)
}

func (*Register) channel(ctx context.Context, q db.Querier, site, id string) (Channel, error) {
	list, err := db.List(ctx, q, scanChannel, fromChannel+`where site_id = $1 and channel_id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no channel of that id")
	}
	if err != nil {
		return Channel{}, err
	}
	return list[0], nil
}

// SetChannel keeps what somebody decides about a sender: a new one if c.ID is "", and
// returns its id. What was held is applied once it is accepted. Errors: Forbidden;
// Invalid; NotFound; Conflict if the sender is that of another channel.
func (r *Register) SetChannel(ctx context.Context, c Channel) (string, error) {
	if err := access.Check(ctx, access.ChannelChange, access.Subject{Site: c.Site}); err != nil {
		return "", err
	}
	if err := c.check(); err != nil {
		return "", err
	}
	if _, err := r.mapping(c.Site, c.Mapping); err != nil {
		return "", err
	}
	if c.Name == "" {
		c.Name = strings.TrimSpace(c.Application + " " + c.Facility)
	}
	return c.ID, r.DB.Write(ctx, func(tx *db.Tx) error {
		if c.ID != "" {
			if _, err := r.channel(ctx, tx, c.Site, c.ID); err != nil {
				return err
			}
		} else {
			c.ID = db.NewID()
		}
		others, err := db.List(ctx, tx, scanChannel, fromChannel+`where site_id = $1 and application = $2 and facility = $3 and channel_id <> $4`,
			c.Site, c.Application, c.Facility, c.ID)
		if err == nil && len(others) > 0 {
			err = fault.Errorf(fault.Conflict, "there is another channel of that application and facility")
		}
		if err == nil {
			err = r.putChannel(ctx, tx, c)
		}
		if err == nil && c.State == Accepted {
			err = r.release(ctx, tx, c)
		}
		if err != nil {
			return err
		}
		return r.record(ctx, tx, journal.Entry{Site: c.Site, Kind: "connect.channel.set", Subject: c.ID}, map[string]any{
			"name": c.Name, "application": c.Application, "facility": c.Facility, "addresses": c.Addresses, "mapping": c.Mapping,
			"state": c.State, "home": c.Home, "wait_unknown": c.WaitUnknown, "use_sizes": c.UseSizes,
		})
	})
}

// release lets what was held have its turn.
func (r *Register) release(ctx context.Context, tx *db.Tx, c Channel) error {
	_, err := tx.Exec(ctx, `update connect_message set state = 'received', reason = '' where channel_id = $1 and state = 'waiting' and reason = $2`, c.ID, ReasonHeld)
	if err != nil {
		return err
	}
	return r.Jobs.Add(ctx, tx, r.work(c.Site))
}

func (r *Register) putChannel(ctx context.Context, tx *db.Tx, c Channel) error {
	_, err := tx.Exec(ctx, `insert into connect_channel (channel_id, site_id, name, application, facility, addresses, mapping, zone, home, charset,
		unknown, sizes, silence, state, knocked, last_at, last_from, changed_at, changed_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		on conflict (channel_id) do update set name = excluded.name, application = excluded.application, facility = excluded.facility,
		addresses = excluded.addresses, mapping = excluded.mapping, zone = excluded.zone, home = excluded.home, charset = excluded.charset,
		unknown = excluded.unknown, sizes = excluded.sizes, silence = excluded.silence, state = excluded.state,
		changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
		c.ID, c.Site, c.Name, c.Application, c.Facility, strings.Join(c.Addresses, " "), c.Mapping, c.Zone, c.Home, c.Charset,
		c.WaitUnknown, c.UseSizes, int64(c.Silence/time.Minute), c.State, c.Knocked, db.Millis(c.Last), c.LastFrom, db.Millis(r.Now()), actor(ctx))
	return err
}

// sender returns the channel of who sends, by application and facility, and makes a
// note of one that is not known yet.
func (r *Register) sender(ctx context.Context, tx *db.Tx, site, application, facility, address string) (Channel, error) {
	list, err := db.List(ctx, tx, scanChannel, fromChannel+`where site_id = $1 and application = $2 and facility in ($3, '') order by facility desc limit 1`,
		site, application, facility)
	if err != nil {
		return Channel{}, err
	}
	if len(list) > 0 {
		return list[0], nil
	}
	c := Channel{
		ID: db.NewID(), Site: site, Name: strings.TrimSpace(application + " " + facility), Application: application, Facility: facility,
		State: Knocking, UseSizes: true,
	}
	if a, err := netip.ParseAddr(address); r.Open && err == nil && a.IsLoopback() {
		c.State = Accepted
	}
	if err := r.putChannel(ctx, tx, c); err != nil || c.State != Knocking {
		return c, err
	}
	_, err = tx.Exec(ctx, `delete from connect_channel where channel_id in (select channel_id from connect_channel where site_id = $1 and state = $2
		order by case when last_at > changed_at then last_at else changed_at end desc, channel_id desc limit 1000 offset $3)`, site, Knocking, maxKnocking)
	return c, err
}

// maxKnocking is how many senders that nobody has accepted are remembered; those that
// were heard least lately go first.
const maxKnocking = 500

// heard notes that a sender sent.
func (r *Register) heard(ctx context.Context, tx *db.Tx, c Channel, address string, refused bool) error {
	knock := 0
	if refused {
		knock = 1
	}
	_, err := tx.Exec(ctx, `update connect_channel set last_at = $2, last_from = $3, knocked = knocked + $4 where channel_id = $1`,
		c.ID, db.Millis(r.Now()), address, knock)
	return err
}

const fromChannel = `select channel_id, site_id, name, application, facility, addresses, mapping, zone, home, charset, unknown, sizes, silence,
	state, knocked, last_at, last_from, changed_at, changed_by from connect_channel `

func scanChannel(r *db.Rows) (c Channel, err error) {
	var addresses string
	var silence, last, changed int64
	err = r.Scan(&c.ID, &c.Site, &c.Name, &c.Application, &c.Facility, &addresses, &c.Mapping, &c.Zone, &c.Home, &c.Charset, &c.WaitUnknown,
		&c.UseSizes, &silence, &c.State, &c.Knocked, &last, &c.LastFrom, &changed, &c.ChangedBy)
	c.Addresses, c.Silence = strings.Fields(addresses), time.Duration(silence)*time.Minute
	if last > 0 {
		c.Last = db.FromMillis(last)
	}
	c.Changed = db.FromMillis(changed)
	return c, err
}
