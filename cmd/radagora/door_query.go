package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"radagora/access"
	"radagora/access/account"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/pixel"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A librarian answers DICOM applications that ask what is in the archive, and gives
// it to them or sends it where they say.
type librarian struct {
	*house
	site  string
	title string // ours
}

// queryOptions are what is agreed to in extended negotiation (PS3.4 C.5).
var queryOptions = dimse.Options{Relational: true, DateTime: true, Fuzzy: true, Timezone: true}

// inquire puts query, retrieve and storage commitment behind a DICOM door.
func (h *house) inquire(s *dimse.Server) *dimse.Server {
	l := librarian{house: h, site: at, title: s.AETitle}
	s.Find, s.Retrieve = l, l
	s.Contexts.Options = queryOptions
	if s.Normal == nil {
		s.Normal = map[uid.UID]dimse.Normal{}
	}
	s.Normal[uid.StorageCommitmentPushModel] = committer{l}
	s.Events = h.hears()
	return s
}

// hears returns who is told of events: what peers answer that were asked to commit.
func (h *house) hears() map[uid.UID]dimse.Normal {
	return map[uid.UID]dimse.Normal{uid.StorageCommitmentPushModel: commitHearer{h}}
}

// asPeer returns a context in which the peer of an association asks.
func (h *house) asPeer(ctx context.Context, p dimse.Peer) (context.Context, error) {
	who, err := h.peerWho(ctx, p)
	if err != nil {
		return nil, err
	}
	if from, err := netip.ParseAddrPort(p.Address); err == nil {
		ctx = account.At(ctx, account.Place{Address: from.Addr().Unmap()})
	}
	return access.WithJudge(access.With(ctx, who), h.Judge), nil
}

// levels are those that the identifiers of an information model may name (PS3.4 C.6).
func levels(class uid.UID) []archive.Level {
	switch class {
	case uid.StudyRootQueryRetrieveInformationModelFind, uid.StudyRootQueryRetrieveInformationModelMove, uid.StudyRootQueryRetrieveInformationModelGet:
		return []archive.Level{archive.StudyLevel, archive.SeriesLevel, archive.ImageLevel}
	case uid.PatientStudyOnlyQueryRetrieveInformationModelFind, uid.PatientStudyOnlyQueryRetrieveInformationModelMove, uid.PatientStudyOnlyQueryRetrieveInformationModelGet:
		return []archive.Level{archive.PatientLevel, archive.StudyLevel}
	}
	return []archive.Level{archive.PatientLevel, archive.StudyLevel, archive.SeriesLevel, archive.ImageLevel}
}

// level returns the level that a query names. Invalid: its model has none of that name.
func level(q *dimse.Query) (archive.Level, error) {
	l := archive.Level(strings.TrimSpace(q.Identifier.Text(tag.QueryRetrieveLevel)))
	if !slices.Contains(levels(q.SOPClass), l) {
		return "", &dimse.StatusError{
			Status: dimse.ClassMismatch, Text: "Query/Retrieve Level is none of the information model", Attributes: []tag.Tag{tag.QueryRetrieveLevel},
		}
	}
	return l, nil
}

// Find implements dimse.Finder. Keys of every level are taken at every level, also
// where that was not negotiated. What is asked is within the reach of whoever asks, and
// that they asked is noted.
func (l librarian) Find(ctx context.Context, q *dimse.Query) iter.Seq2[*dicom.Dataset, error] {
	return func(yield func(*dicom.Dataset, error) bool) {
		ctx, ask, err := l.ask(ctx, q, access.StudyFind)
		if err != nil {
			yield(nil, err)
			return
		}
		seen, err := l.look(ctx, l.site, ask.Reach, askedKeys(ask.Keys)...)
		if err != nil {
			yield(nil, err)
			return
		}
		ask.Shown = seen.hook()
		for ds, err := range l.Archive.Find(ctx, l.site, ask) {
			if err == nil {
				ds, err = l.row(ds, ask)
			}
			if !yield(ds, err) || err != nil {
				return
			}
		}
	}
}

// ask makes the question to the archive out of a query, in the name of the peer, who
// must be allowed to do act.
func (l librarian) ask(ctx context.Context, q *dimse.Query, act access.Act) (context.Context, archive.Query, error) {
	var ask archive.Query
	ctx, err := l.asPeer(ctx, q.Peer)
	if err != nil {
		return nil, ask, err
	}
	if err := access.CheckSearch(ctx, act, l.site); err != nil {
		return nil, ask, err
	}
	reach, err := access.ReachOf(ctx, access.ObjectRead, l.site)
	if err != nil {
		return nil, ask, err
	}
	ask = archive.Query{Reach: reach, Keys: q.Identifier, Fuzzy: q.Options.Fuzzy, DateTime: q.Options.DateTime}
	if ask.Level, err = level(q); err != nil {
		return nil, ask, err
	}
	if q.Options.Timezone {
		here, err := l.Sites.Site(ctx, l.site)
		if err != nil {
			return nil, ask, err
		}
		ask.Timezone = here.Location()
	}
	return ctx, ask, nil
}

// row adds to an answer what the door knows: its level, who to fetch it from, and that
// it can be had at once (PS3.4 C.4.1.1.3.2). Text is in the character set of the
// question where that has all its characters.
func (l librarian) row(ds *dicom.Dataset, ask archive.Query) (*dicom.Dataset, error) {
	b := dicom.Edit(ds).Text(tag.QueryRetrieveLevel, string(ask.Level)).Text(tag.RetrieveAETitle, l.title)
	if ask.Level != archive.PatientLevel {
		b.Text(tag.InstanceAvailability, "ONLINE")
	}
	if set := ask.Keys.Texts(tag.SpecificCharacterSet); len(set) > 0 && set[0] != "ISO_IR 192" {
		if out, err := b.Text(tag.SpecificCharacterSet, set...).Dataset(); err == nil {
			return out, nil
		}
		b.Delete(tag.SpecificCharacterSet)
	}
	return b.Dataset()
}

// uniqueKeys are the unique keys of each level (PS3.4 C.6.1.1).
var uniqueKeys = map[archive.Level]tag.Tag{
	archive.PatientLevel: tag.PatientID, archive.StudyLevel: tag.StudyInstanceUID,
	archive.SeriesLevel: tag.SeriesInstanceUID, archive.ImageLevel: tag.SOPInstanceUID,
}

// byUniqueKeys returns a query reduced to its unique keys, which is all that a retrieval goes
// by (PS3.4 C.4.2.1.4). Invalid: that of its level is missing, or asks for more than it
// names.
func byUniqueKeys(ask archive.Query) (archive.Query, error) {
	b := dicom.NewBuilder()
	for l, key := range uniqueKeys {
		e, ok := ask.Keys.Element(key)
		if ok = ok && !e.Empty(); ok {
			b.Copy(e)
		}
		if l == ask.Level && (!ok || strings.ContainsAny(e.Text(), "*?")) {
			return ask, &dimse.StatusError{Status: dimse.ClassMismatch, Text: "the unique key of the level is missing", Attributes: []tag.Tag{key}}
		}
	}
	if e, ok := ask.Keys.Element(tag.IssuerOfPatientID); ok && !e.Empty() {
		b.Copy(e)
	}
	if e, ok := ask.Keys.Element(tag.SpecificCharacterSet); ok {
		b.Copy(e)
	}
	ds, err := b.Dataset()
	if err != nil {
		return ask, fault.As(fault.Invalid, err)
	}
	ask.Keys, ask.Fuzzy, ask.DateTime, ask.Timezone = ds, false, false, nil
	return ask, nil
}

// Select implements dimse.Retriever. Each study is asked for by name, and that it was
// given out is noted.
func (l librarian) Select(ctx context.Context, q *dimse.Query) ([]dimse.Object, error) {
	ctx, ask, err := l.ask(ctx, q, access.ObjectRead)
	if err != nil {
		return nil, err
	}
	if ask, err = byUniqueKeys(ask); err != nil {
		return nil, err
	}
	acts := []access.Act{access.ObjectRead}
	if q.Destination != "" {
		acts = append(acts, access.ObjectSend)
	}
	var all []dimse.Object
	may, reduced := map[uid.UID]bool{}, map[string]bool{}
	for i, err := range l.Archive.Select(ctx, l.site, ask) {
		if err != nil {
			return nil, err
		}
		for _, act := range acts {
			if may[i.Study] {
				break
			}
			if err := l.mayStudy(ctx, act, i.Study); err != nil {
				return nil, err
			}
		}
		if !may[i.Study] {
			less, err := l.Archive.ReducedOf(ctx, l.site, i.Study)
			if err != nil {
				return nil, err
			}
			maps.Copy(reduced, less)
		}
		may[i.Study] = true
		o := l.object(i)
		o.Partial = reduced[i.SOP.String()]
		all = append(all, o)
	}
	return all, nil
}

// Destination implements dimse.Retriever: destinations are peers that can be called.
func (l librarian) Destination(ctx context.Context, q *dimse.Query) (string, dimse.Config, error) {
	ctx, err := l.asPeer(ctx, q.Peer)
	if err != nil {
		return "", dimse.Config{}, err
	}
	if err := access.CheckSearch(ctx, access.ObjectSend, l.site); err != nil {
		return "", dimse.Config{}, err
	}
	return l.line(ctx, l.site, q.Destination, l.title)
}

// object returns an instance as it is sent.
func (l librarian) object(i archive.Instance) dimse.Object {
	return dimse.Object{
		SOPClass: i.SOPClass, SOPInstance: i.SOP, TransferSyntax: i.TransferSyntax,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return l.data(ctx, i) },
		Transcode: func(_ context.Context, to []uid.UID) (dimse.Object, error) {
			return l.transcoded(i, to)
		},
	}
}

// opened opens an instance, also if it was moved to another pack meanwhile.
func (l librarian) opened(ctx context.Context, i archive.Instance) (archive.Object, error) {
	o, err := l.Archive.OpenInstance(ctx, i)
	if err != nil && fault.Of(err) == fault.NotFound {
		return l.Archive.Open(ctx, l.site, i.SOP)
	}
	return o, err
}

// data opens the data set of an instance as it was received.
func (l librarian) data(ctx context.Context, i archive.Instance) (io.ReadCloser, error) {
	o, err := l.opened(ctx, i)
	if err != nil {
		return nil, err
	}
	return joined{io.NewSectionReader(o, o.DatasetAt(), o.Size()-o.DatasetAt()), []io.Closer{o}}, nil
}

// plainly are the transfer syntaxes that are preferred where one must be made.
var plainly = []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian, uid.ExplicitVRBigEndian}

// transcoded returns an instance in one of the syntaxes of to. Unsupported: there is no
// way into any of them.
func (l librarian) transcoded(i archive.Instance, to []uid.UID) (dimse.Object, error) {
	for _, syntax := range append(slices.Clone(plainly), to...) {
		if !slices.Contains(to, syntax) || !pixel.CanTranscode(i.TransferSyntax, syntax) {
			continue
		}
		return dimse.Object{
			SOPClass: i.SOPClass, SOPInstance: i.SOP, TransferSyntax: syntax,
			Open: func(ctx context.Context) (io.ReadCloser, error) { return l.transcode(ctx, i, syntax) },
		}, nil
	}
	return dimse.Object{}, fault.Errorf(fault.Unsupported, "instance %s is in transfer syntax %s, which is not turned into any that the peer takes", i.SOP, i.TransferSyntax)
}

// transcode opens the data set of an instance in another transfer syntax.
func (l librarian) transcode(ctx context.Context, i archive.Instance, to uid.UID) (io.ReadCloser, error) {
	o, err := l.opened(ctx, i)
	if err != nil {
		return nil, err
	}
	f, err := o.Read(nil)
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	r, err := pixel.Transcode(ctx, f, to)
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return joined{r, []io.Closer{r, o}}, nil
}

// joined is a reader that rests on things which are closed with it.
type joined struct {
	io.Reader
	rests []io.Closer
}

// Close implements io.Closer.
func (j joined) Close() error {
	var all []error
	for _, c := range j.rests {
		all = append(all, c.Close())
	}
	return errors.Join(all...)
}
