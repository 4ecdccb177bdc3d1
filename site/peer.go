package site

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// A Peer is another DICOM application that objects are sent to or asked for.
type Peer struct {
	Site    string // "" means Default
	AETitle string
	Host    string
	Port    int
}

// Address returns host and port as a dialler takes them.
func (p Peer) Address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// ParsePeer reads TITLE=HOST:PORT. It is Invalid for anything else.
func ParsePeer(s string) (Peer, error) {
	title, address, ok := strings.Cut(s, "=")
	host, port, err := net.SplitHostPort(address)
	number, err2 := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || err2 != nil || number == 0 || host == "" || !validTitle(title) {
		return Peer{}, fault.Errorf(fault.Invalid, "peer: write TITLE=HOST:PORT, such as PACS=10.0.0.5:104")
	}
	return Peer{AETitle: title, Host: host, Port: int(number)}, nil
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

// SetPeer adds or changes a peer on behalf of by.
func (r *Register) SetPeer(ctx context.Context, by string, p Peer) error {
	if p.Site == "" {
		p.Site = Default
	}
	if _, err := ParsePeer(p.AETitle + "=" + p.Address()); err != nil {
		return err
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into site_peer (site_id, ae_title, host, port) values ($1, $2, $3, $4)
			on conflict (site_id, ae_title) do update set host = excluded.host, port = excluded.port`,
			p.Site, p.AETitle, p.Host, p.Port)
		if err != nil {
			return err
		}
		return r.record(ctx, tx, by, p.Site, "site.peer.changed", p.AETitle, map[string]string{"address": p.Address()})
	})
}

// Peers returns the peers of a site, sorted by title.
func (r *Register) Peers(ctx context.Context, siteID string) ([]Peer, error) {
	return db.List(ctx, r.db, func(rows *db.Rows) (p Peer, err error) {
		return p, rows.Scan(&p.Site, &p.AETitle, &p.Host, &p.Port)
	}, `select site_id, ae_title, host, port from site_peer where site_id = $1 order by ae_title`, siteID)
}

// Peer returns one peer of a site, NotFound if it has none with this title.
func (r *Register) Peer(ctx context.Context, siteID, title string) (Peer, error) {
	peers, err := r.Peers(ctx, siteID)
	if err != nil {
		return Peer{}, err
	}
	for _, p := range peers {
		if p.AETitle == title {
			return p, nil
		}
	}
	return Peer{}, fault.Errorf(fault.NotFound, "no peer %s at site %s", title, siteID)
}
