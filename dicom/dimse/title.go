package dimse

import (
	"context"

	"radagora/dicom/uid"
)

// A Title is an application entity that a Server is: what it serves under one called
// title. What is nil is not served, and its SOP classes are not accepted. Everything
// in it is called from many goroutines.
type Title struct {
	Name     string // "" is any
	Contexts Contexts

	Store    Storer             // keeps what C-STORE brings
	Find     Finder             // answers C-FIND of the query/retrieve classes
	Worklist Finder             // answers C-FIND of the modality worklist
	Retrieve Retriever          // answers C-MOVE and C-GET
	Normal   map[uid.UID]Normal // answers DIMSE-N as SCP, by SOP class
	Events   map[uid.UID]Normal // is told of N-EVENT-REPORT by the SCPs of these classes
}

// own is the title of the Server's own fields.
func (s *Server) own() Title {
	return Title{
		Name: s.AETitle, Contexts: s.Contexts, Store: s.Store, Find: s.Find, Worklist: s.Worklist,
		Retrieve: s.Retrieve, Normal: s.Normal, Events: s.Events,
	}
}

// AllTitles returns what the server is, its own title first: for the conformance
// statement, whose tables Title.Services gives.
func (s *Server) AllTitles() []Title { return append([]Title{s.own()}, s.Titles...) }

// title returns the negotiator for a called title, nil if nobody here is called that.
func (s *Server) title(ctx context.Context, called string) (*negotiator, error) {
	for _, n := range s.negotiators {
		if n.Name == called {
			return n, nil
		}
	}
	if s.TitleOf != nil {
		if t, err := s.TitleOf(ctx, called); err != nil || t != nil {
			return newNegotiatorOf(t), err
		}
	}
	for _, n := range s.negotiators {
		if n.Name == "" {
			return n, nil
		}
	}
	return nil, nil //nolint:nilnil // nobody
}

// newNegotiatorOf is newNegotiator that makes nothing of nothing.
func newNegotiatorOf(t *Title) *negotiator {
	if t == nil {
		return nil
	}
	return newNegotiator(t)
}

// A performer does what the peer of an association asks for: a Title's part of it,
// or that of an Association.
type performer struct {
	echo     func(ctx context.Context, p Peer)
	store    Storer
	find     Finder
	worklist Finder
	retrieve Retriever
	normal   map[uid.UID]Normal
	events   map[uid.UID]Normal
}

// performer returns what t performs.
func (t *Title) performer() performer {
	return performer{
		store: t.Store, find: t.Find, worklist: t.Worklist, retrieve: t.Retrieve, normal: t.Normal, events: t.Events,
	}
}
