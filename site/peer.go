package site

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A PeerState says what a peer may do here.
type PeerState string

// The states of a peer.
const (
	Accepted PeerState = "accepted" // it may send, ask and fetch
	Limited  PeerState = "limited"  // it may send
	Blocked  PeerState = "blocked"  // it is not let in
)

// A Peer is another DICOM application: one that calls us, is called, or both. It is
// known by its title and where it calls from.
type Peer struct {
	Site        string // "" means Default
	AETitle     string
	Host        string // name or address; "" for one that only calls
	Port        int    // where it answers; 0 if it does not
	State       PeerState
	Addresses   []string // besides Host: addresses and networks it calls from
	TLS         bool     // it is let in over TLS alone
	Certificate string   // SHA-256 of its certificate in hex; "" means any that is trusted
	Note        string
	DecidedBy   string
	DecidedAt   time.Time
	Last        time.Time // its last association; the zero time if there was none
}

// Address returns host and port as a dialler takes them.
func (p Peer) Address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// MayQuery reports whether the peer may ask and fetch.
func (p Peer) MayQuery() bool { return p.State == Accepted }

// From reports whether the peer calls from addr; lookup gives the addresses of a
// host name.
func (p Peer) From(addr netip.Addr, lookup func(host string) []netip.Addr) bool {
	addr = addr.Unmap()
	for _, a := range append([]string{p.Host}, p.Addresses...) {
		if one, err := netip.ParseAddr(a); err == nil {
			if one.Unmap() == addr {
				return true
			}
		} else if network, err := netip.ParsePrefix(a); err == nil {
			if network.Contains(addr) {
				return true
			}
		} else if a != "" && lookup != nil {
			for _, one := range lookup(a) {
				if one.Unmap() == addr {
					return true
				}
			}
		}
	}
	return false
}

// ParsePeer reads TITLE=HOST:PORT. It is Invalid for anything else.
func ParsePeer(s string) (Peer, error) {
	title, address, ok := strings.Cut(s, "=")
	host, port, err := net.SplitHostPort(address)
	number, err2 := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || err2 != nil || number == 0 || host == "" || !validTitle(title) {
		return Peer{}, fault.Errorf(fault.Invalid, "peer: write TITLE=HOST:PORT, such as PACS=10.0.0.5:104")
	}
	return Peer{AETitle: title, Host: host, Port: int(number), State: Accepted}, nil
}

// validTitle reports whether s can be an AE title (PS3.5 §6.2, AE).
func validTitle(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return strings.TrimSpace(s) == s && s != "" && len(s) <= 16
}

// valid reports what is wrong with a peer.
func (p Peer) valid() error {
	switch {
	case !validTitle(p.AETitle):
		return fault.Errorf(fault.Invalid, "peer: an application entity title has 1 to 16 printable characters and no backslash (PS3.5 6.2)")
	case p.Port < 0 || p.Port > 65535 || (p.Port != 0) != (p.Host != "") && p.Port != 0:
		return fault.Errorf(fault.Invalid, "peer %s: a port is 1 to 65535 and needs a host", p.AETitle)
	case p.State != Accepted && p.State != Limited && p.State != Blocked:
		return fault.Errorf(fault.Invalid, "peer %s: its state is accepted, limited or blocked", p.AETitle)
	case p.Host == "" && len(p.Addresses) == 0 && p.State != Blocked:
		return fault.Errorf(fault.Invalid, "peer %s: say where it calls from: a host, an address such as 10.0.0.5 or a network such as 10.0.0.0/24", p.AETitle)
	case strings.ContainsAny(p.Host, " /@?#") || len(p.Host) > 253 || len(p.Note) > 500 || len(p.Addresses) > 64:
		return fault.Errorf(fault.Invalid, "peer %s: a host has up to 253 characters, a note up to 500, and there are up to 64 addresses", p.AETitle)
	case p.Certificate != "" && !isDigest(p.Certificate):
		return fault.Errorf(fault.Invalid, "peer %s: the certificate is given as its SHA-256, 64 hexadecimal digits", p.AETitle)
	}
	for _, a := range p.Addresses {
		_, err := netip.ParseAddr(a)
		if network, err2 := netip.ParsePrefix(a); err != nil && (err2 != nil || network.Bits() == 0) {
			return fault.Errorf(fault.Invalid, "peer %s: an address is such as 10.0.0.5, a network such as 10.0.0.0/24, and never everything", p.AETitle)
		}
	}
	return nil
}

// isDigest reports whether s is a SHA-256 in hex.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

// Seed adds peers unless the site has one with that title already: what people
// changed since stays as it is.
func (r *Register) Seed(ctx context.Context, peers ...Peer) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		for _, p := range peers {
			if p.Site == "" {
				p.Site = Default
			}
			_, err := tx.Exec(ctx, `insert into site_peer (site_id, ae_title, host, port) values ($1, $2, $3, $4)
				on conflict (site_id, ae_title) do nothing`, p.Site, p.AETitle, p.Host, p.Port)
			if err != nil {
				return fmt.Errorf("peer %s: %w", p.AETitle, err)
			}
		}
		return nil
	})
}

// SetPeer adds or changes a peer on behalf of by. A peer that knocked and is known
// now is taken off that list.
func (r *Register) SetPeer(ctx context.Context, by string, p Peer) error {
	return r.db.Write(ctx, func(tx *db.Tx) error { return r.setPeer(ctx, tx, by, p) })
}

// setPeer is SetPeer as part of tx.
func (r *Register) setPeer(ctx context.Context, tx *db.Tx, by string, p Peer) error {
	if p.Site == "" {
		p.Site = Default
	}
	if p.State == "" {
		p.State = Accepted
	}
	p.Certificate = strings.ToLower(p.Certificate)
	if err := p.valid(); err != nil {
		return err
	}
	tls := 0
	if p.TLS {
		tls = 1
	}
	_, err := tx.Exec(ctx, `insert into site_peer (site_id, ae_title, host, port, state, addresses, tls, certificate, note, decided_by, decided_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (site_id, ae_title) do update set host = excluded.host, port = excluded.port, state = excluded.state,
		addresses = excluded.addresses, tls = excluded.tls, certificate = excluded.certificate, note = excluded.note,
		decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
		p.Site, p.AETitle, p.Host, p.Port, string(p.State), strings.Join(p.Addresses, " "), tls, p.Certificate, p.Note, by, db.Millis(r.now()))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from site_knock where site_id = $1 and ae_title = $2`, p.Site, p.AETitle); err != nil {
		return err
	}
	return r.record(ctx, tx, by, p.Site, "site.peer."+string(p.State), p.AETitle,
		map[string]string{"address": p.Address(), "from": strings.Join(p.Addresses, " "), "tls": strconv.Itoa(tls)})
}

// RemovePeer forgets a peer on behalf of by.
func (r *Register) RemovePeer(ctx context.Context, by, siteID, title string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error { return r.removePeer(ctx, tx, by, siteID, title) })
}

// removePeer is RemovePeer as part of tx.
func (r *Register) removePeer(ctx context.Context, tx *db.Tx, by, siteID, title string) error {
	n, err := tx.Exec(ctx, `delete from site_peer where site_id = $1 and ae_title = $2`, siteID, title)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.NotFound, "no peer %s at site %s", title, siteID)
	}
	return r.record(ctx, tx, by, siteID, "site.peer.removed", title, map[string]string{})
}

const selectPeer = `select site_id, ae_title, host, port, state, addresses, tls, certificate, note, decided_by, decided_at, last_at from site_peer`

// scanPeer reads a row of selectPeer.
func scanPeer(rows *db.Rows) (p Peer, err error) {
	var addresses string
	var tls, decided, last int64
	err = rows.Scan(&p.Site, &p.AETitle, &p.Host, &p.Port, &p.State, &addresses, &tls, &p.Certificate, &p.Note, &p.DecidedBy, &decided, &last)
	p.Addresses, p.TLS = strings.Fields(addresses), tls != 0
	p.DecidedAt, p.Last = db.FromMillis(decided), db.FromMillis(last)
	return p, err
}

// Peers returns the peers of a site, sorted by title.
func (r *Register) Peers(ctx context.Context, siteID string) ([]Peer, error) {
	return db.List(ctx, r.db, scanPeer, selectPeer+` where site_id = $1 order by ae_title`, siteID)
}

// Peer returns one peer of a site, NotFound if it has none with this title.
func (r *Register) Peer(ctx context.Context, siteID, title string) (Peer, error) {
	list, err := db.List(ctx, r.db, scanPeer, selectPeer+` where site_id = $1 and ae_title = $2`, siteID, title)
	if err != nil {
		return Peer{}, err
	}
	if len(list) == 0 {
		return Peer{}, fault.Errorf(fault.NotFound, "no peer %s at site %s", title, siteID)
	}
	return list[0], nil
}
