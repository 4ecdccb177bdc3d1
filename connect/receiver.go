package connect

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/journal"
)

// A ReceiverState says what is done with messages for a receiver.
type ReceiverState string

// The states.
const (
	Enabled ReceiverState = "enabled" // they are sent
	Paused  ReceiverState = "paused"  // they are kept, and sent once it is enabled
	Off     ReceiverState = "off"     // there are none
)

// An OutKind is what a receiver can be told.
type OutKind string

// The kinds.
const (
	OutDose    OutKind = "dose"    // what an examination came to, as a result (ORU)
	OutStatus  OutKind = "status"  // how far the steps of an order are
	OutChanges OutKind = "changes" // new, changed and cancelled orders
)

// OutKinds returns all kinds.
func OutKinds() []OutKind { return []OutKind{OutDose, OutStatus, OutChanges} }

// The forms of messages of orders.
const (
	FormORM = "orm" // ORM^O01
	FormOMI = "omi" // OMI^O23, from version 2.5 on
)

// A Receiver is a system that we send messages to, as people decided.
type Receiver struct {
	ID, Site    string
	Name        string
	Address     string // host:port
	TLS         bool
	Certificate string // SHA-256 of the one it has to show, in hex; "" is any that is trusted
	Version     string // MSH-12: 2.3.1 or 2.5.1
	Form        string // FormORM or FormOMI
	Enhanced    bool   // an accept acknowledgement is asked for (MSH-15)

	Application, Facility     string // ours, MSH-3 and MSH-4
	ToApplication, ToFacility string // MSH-5 and MSH-6: who it is; what it told us is not told to it

	Charset  string // MSH-18; "" is UTF-8
	Language string // of sentences
	Home     string // the assigning authority written with numbers that have none
	Mapping  string // content set with its codes; "" is the default alone
	Kinds    []OutKind
	State    ReceiverState
	Since    time.Time // it gets what happens from then on

	Last      time.Time // it took a message
	Failures  int       // in a row
	FailingAt time.Time // since when nobody answers; the zero time: the line is good
	RetryAt   time.Time
	Trouble   string // why, without contents
	Changed   time.Time
	ChangedBy string
}

// gets reports whether a receiver is told of a kind of thing that happened at a time.
func (c Receiver) gets(kind OutKind, at time.Time) bool {
	return c.State != Off && slices.Contains(c.Kinds, kind) && !at.Before(c.Since)
}

// tidy fills what was left out and reports what is wrong with a receiver.
func (c *Receiver) tidy() error {
	c.Version = orDefault(c.Version, "2.5.1")
	c.Language, c.Application = orDefault(c.Language, "en"), orDefault(c.Application, "RADAGORA")
	if c.Form == "" {
		c.Form = FormOMI
		if c.Version == "2.3.1" {
			c.Form = FormORM
		}
	}
	c.Name = orDefault(c.Name, strings.TrimSpace(c.ToApplication+" "+c.ToFacility))
	host, port, err := net.SplitHostPort(c.Address)
	n, perr := strconv.Atoi(port)
	switch {
	case err != nil || perr != nil || host == "" || n < 1 || n > 65535 || len(c.Address) > 300:
		return fault.Errorf(fault.Invalid, "receiver: the address is HOST:PORT, such as ris.example:2575")
	case c.ToApplication == "":
		return fault.Errorf(fault.Invalid, "receiver: the receiving application (MSH-5) is needed")
	case c.Version != "2.3.1" && c.Version != "2.5.1":
		return fault.Errorf(fault.Invalid, "receiver: the version is 2.3.1 or 2.5.1")
	case c.Form != FormORM && (c.Form != FormOMI || c.Version == "2.3.1"):
		return fault.Errorf(fault.Invalid, "receiver: orders are sent as orm, or as omi from version 2.5.1 on")
	case !slices.Contains([]ReceiverState{Enabled, Paused, Off}, c.State):
		return fault.Errorf(fault.Invalid, "receiver: the state is enabled, paused or off")
	case c.Certificate != "" && !c.TLS:
		return fault.Errorf(fault.Invalid, "receiver: a certificate is known over TLS alone")
	}
	for _, s := range []string{c.Name, c.Application, c.Facility, c.ToApplication, c.ToFacility, c.Charset, c.Home, c.Mapping, c.Language} {
		if len(s) > 180 || strings.ContainsAny(s, "|\r\n\x00") {
			return fault.Errorf(fault.Invalid, "receiver: names have at most 180 bytes, in one line, without |")
		}
	}
	for _, k := range c.Kinds {
		if !slices.Contains(OutKinds(), k) {
			return fault.Errorf(fault.Invalid, "receiver: it can be told of dose, status and changes")
		}
	}
	if b, err := hex.DecodeString(c.Certificate); err != nil || len(b) != 0 && len(b) != 32 {
		return fault.Errorf(fault.Invalid, "receiver: the certificate is known by its SHA-256, 64 hexadecimal digits")
	}
	if _, err := c.begin("ACK", "", "", "0", time.Unix(0, 0)); err != nil {
		return fault.Errorf(fault.Invalid, "receiver: %w", err)
	}
	return nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// begin returns a message to a receiver that has its header alone.
func (c Receiver) begin(code, trigger, structure, control string, now time.Time) (*hl7.Message, error) {
	h := hl7.Header{
		SendingApplication: hl7.HD{Namespace: c.Application}, SendingFacility: hl7.HD{Namespace: c.Facility},
		ReceivingApplication: hl7.HD{Namespace: c.ToApplication}, ReceivingFacility: hl7.HD{Namespace: c.ToFacility},
		Type: code, Trigger: trigger, Structure: structure, ControlID: control, Processing: "P", Version: c.Version, Charset: c.Charset,
	}
	if c.Enhanced {
		h.AcceptAck, h.ApplicationAck = "AL", "NE"
	}
	return hl7.New(h, now)
}

// Receivers returns those of a site, by name.
func (r *Register) Receivers(ctx context.Context, site string) ([]Receiver, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, err
	}
	return r.receivers(ctx, r.DB, site)
}

func (*Register) receivers(ctx context.Context, q db.Querier, site string) ([]Receiver, error) {
	return db.List(ctx, q, scanReceiver, fromReceiver+`where site_id = $1 order by name, receiver_id`, site)
}

// receiver returns one. NotFound: the site has none of that id.
func (*Register) receiver(ctx context.Context, q db.Querier, site, id string) (Receiver, error) {
	list, err := db.List(ctx, q, scanReceiver, fromReceiver+`where site_id = $1 and receiver_id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no receiver of that id")
	}
	if err != nil {
		return Receiver{}, err
	}
	return list[0], nil
}

// SetReceiver keeps what somebody decides about a receiver: a new one if c.ID is "",
// and returns its id. It is told of what happens from then on; what waited for one
// that was paused is sent once it is enabled. Errors: Forbidden; Invalid; NotFound.
func (r *Register) SetReceiver(ctx context.Context, c Receiver) (string, error) {
	if err := access.Check(ctx, access.ReceiverChange, access.Subject{Site: c.Site}); err != nil {
		return "", err
	}
	if r.Nameless {
		return "", fault.Errorf(fault.Unsupported, "connect: this installation keeps no names, so it sends no messages")
	}
	if err := c.tidy(); err != nil {
		return "", err
	}
	if _, err := r.mapping(c.Site, c.Mapping); err != nil {
		return "", err
	}
	return c.ID, r.DB.Write(ctx, func(tx *db.Tx) error {
		c.Since = r.Now()
		if c.ID == "" {
			c.ID = db.NewID()
		} else {
			had, err := r.receiver(ctx, tx, c.Site, c.ID)
			if err != nil {
				return err
			}
			if had.State != Off {
				c.Since = had.Since
			}
		}
		if err := r.putReceiver(ctx, tx, c); err != nil {
			return err
		}
		if err := r.Jobs.Add(ctx, tx, sendWork(c)); err != nil {
			return err
		}
		return r.record(ctx, tx, journal.Entry{Site: c.Site, Kind: "connect.receiver.set", Subject: c.ID}, map[string]any{
			"name": c.Name, "address": c.Address, "tls": c.TLS, "certificate": c.Certificate, "to_application": c.ToApplication,
			"to_facility": c.ToFacility, "kinds": c.Kinds, "state": c.State, "version": c.Version, "form": c.Form,
		})
	})
}

func (r *Register) putReceiver(ctx context.Context, tx *db.Tx, c Receiver) error {
	kinds := make([]string, len(c.Kinds))
	for i, k := range c.Kinds {
		kinds[i] = string(k)
	}
	_, err := tx.Exec(ctx, `insert into connect_receiver (receiver_id, site_id, name, address, tls, certificate, version, form, enhanced, application,
		facility, to_application, to_facility, charset, language, home, mapping, kinds, state, since, changed_at, changed_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		on conflict (receiver_id) do update set name = excluded.name, address = excluded.address, tls = excluded.tls,
		certificate = excluded.certificate, version = excluded.version, form = excluded.form, enhanced = excluded.enhanced,
		application = excluded.application, facility = excluded.facility, to_application = excluded.to_application,
		to_facility = excluded.to_facility, charset = excluded.charset, language = excluded.language, home = excluded.home,
		mapping = excluded.mapping, kinds = excluded.kinds, state = excluded.state, since = excluded.since, retry_at = 0,
		changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
		c.ID, c.Site, c.Name, c.Address, c.TLS, strings.ToLower(c.Certificate), c.Version, c.Form, c.Enhanced, c.Application, c.Facility,
		c.ToApplication, c.ToFacility, c.Charset, c.Language, c.Home, c.Mapping, strings.Join(kinds, " "), c.State, db.Millis(c.Since),
		db.Millis(r.Now()), actor(ctx))
	return err
}

const fromReceiver = `select receiver_id, site_id, name, address, tls, certificate, version, form, enhanced, application, facility,
	to_application, to_facility, charset, language, home, mapping, kinds, state, since, last_at, failures, failing_at, retry_at, trouble,
	changed_at, changed_by from connect_receiver `

func scanReceiver(r *db.Rows) (c Receiver, err error) {
	var kinds string
	var since, last, failing, retry, changed int64
	err = r.Scan(&c.ID, &c.Site, &c.Name, &c.Address, &c.TLS, &c.Certificate, &c.Version, &c.Form, &c.Enhanced, &c.Application, &c.Facility,
		&c.ToApplication, &c.ToFacility, &c.Charset, &c.Language, &c.Home, &c.Mapping, &kinds, &c.State, &since, &last, &c.Failures, &failing,
		&retry, &c.Trouble, &changed, &c.ChangedBy)
	for k := range strings.FieldsSeq(kinds) {
		c.Kinds = append(c.Kinds, OutKind(k))
	}
	c.Since, c.Last, c.FailingAt = db.FromMillis(since), db.FromMillis(last), db.FromMillis(failing)
	c.RetryAt, c.Changed = db.FromMillis(retry), db.FromMillis(changed)
	return c, err
}
