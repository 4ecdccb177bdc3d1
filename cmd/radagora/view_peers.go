package main

import (
	"context"
	"strings"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
)

// A peersView shows and changes the DICOM applications around.
type peersView struct {
	*view
	open bool
}

// Peers implements web.Peers.
func (v peersView) Peers(ctx context.Context) (web.PeersPage, error) {
	pg := web.PeersPage{Open: v.open, Doors: []web.DICOMDoor{{Title: v.settings.AE, Address: v.dicom.String()}}}
	if v.settings.DICOMTLS != "" {
		pg.Doors = append(pg.Doors, web.DICOMDoor{
			Title: v.settings.AE, Address: v.settings.DICOMTLS, TLS: true, Mutual: v.settings.TLSClientCA != "",
		})
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	peers, err := v.Sites.Peers(ctx, at)
	if err != nil {
		return pg, err
	}
	rules, err := v.dropping(ctx)
	if err != nil {
		return pg, err
	}
	for _, p := range peers {
		var drops []web.PeerRule
		for _, r := range rules {
			if r.Title == p.AETitle || r.Title == "" {
				drops = append(drops, r)
			}
		}
		pg.Peers = append(pg.Peers, web.Peer{
			Drops: drops,
			Title: p.AETitle, Host: p.Host, Port: p.Port, State: string(p.State), Addresses: p.Addresses, TLS: p.TLS,
			Certificate: p.Certificate, Note: p.Note, DecidedBy: names[p.DecidedBy], Decided: p.DecidedAt, Last: p.Last,
		})
	}
	knocks, err := v.Sites.Knocks(ctx, at)
	if err != nil {
		return pg, err
	}
	for _, k := range knocks {
		pg.Knocks = append(pg.Knocks, web.Knock{
			Title: k.AETitle, Address: k.Address, Called: k.Called, Software: k.Class, Offered: offered(k.Offered),
			Reason: k.Reason, First: k.First, Last: k.Last, Times: k.Times,
		})
	}
	return pg, nil
}

// offeredShown is how many SOP classes a line names.
const offeredShown = 6

// offered returns the names of SOP classes.
func offered(uids []string) []string {
	var all []string
	for _, u := range uids {
		name := u
		if known, err := uid.Parse(u); err == nil && uid.Name(known) != "" {
			name = uid.Name(known)
		}
		if all = append(all, name); len(all) == offeredShown && len(uids) > offeredShown {
			return append(all, "…")
		}
	}
	return all
}

// accountNames returns the names of accounts by id.
func (v *view) accountNames(ctx context.Context) (map[string]string, error) {
	accounts, err := v.Users.Accounts(ctx)
	all := map[string]string{}
	for _, a := range accounts {
		all[a.ID] = a.Name
	}
	return all, err
}

// Decide implements web.Peers.
func (v peersView) Decide(ctx context.Context, p web.Peer) error {
	if err := may(ctx, access.PeerChange); err != nil {
		return err
	}
	err := v.Sites.SetPeer(ctx, access.From(ctx).ID, site.Peer{
		Site: at, AETitle: p.Title, Host: p.Host, Port: p.Port, State: site.PeerState(p.State), Addresses: p.Addresses,
		TLS: p.TLS, Certificate: p.Certificate, Note: p.Note,
	})
	if fault.Of(err) != fault.Invalid {
		return err
	}
	field := "title"
	for _, f := range []struct{ word, field string }{
		{"application entity title", "title"},
		{"state", "state"},
		{"port", "port"},
		{"certificate", "certificate"},
		{"address", "addresses"},
		{"host has", "host"},
	} {
		if strings.Contains(err.Error(), f.word) {
			field = f.field
			break
		}
	}
	return web.Refuse(map[string]string{field: "peers.wrong_" + field})
}

// Remove implements web.Peers.
func (v peersView) Remove(ctx context.Context, title string) error {
	if err := may(ctx, access.PeerChange); err != nil {
		return err
	}
	return v.Sites.RemovePeer(ctx, access.From(ctx).ID, at, title)
}

// Try implements web.Peers.
func (v peersView) Try(ctx context.Context, title string) (web.Trial, error) {
	if err := may(ctx, access.PeerChange); err != nil {
		return web.Trial{}, err
	}
	t, err := line{v.house, v.settings}.try(ctx, at, title)
	return web.Trial{Word: t.Word, Took: t.Took, Said: t.Said, Takes: t.Takes}, err
}
