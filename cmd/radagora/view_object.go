package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/pixel"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/web"
	"radagora/web/face"
)

// An objectsView shows single objects.
type objectsView struct{ *view }

// Object implements web.Objects.
func (v objectsView) Object(ctx context.Context, who web.Person, _, name string) (web.Object, error) {
	object, err := v.open(ctx, who, name)
	if err != nil {
		return web.Object{}, err
	}
	defer object.Close()
	i := object.Instance
	out := web.Object{
		SOPInstanceUID: i.SOP.String(), SOPClass: uid.Name(i.SOPClass), TransferSyntax: uid.Name(i.TransferSyntax),
		Size: i.Length, SHA256: hex.EncodeToString(i.SHA256[:]), Received: i.ReceivedAt, Door: i.Door, From: i.CallingAE, Corrected: i.Corrected() != "",
	}
	if err := v.look(ctx, i, &out); err != nil {
		return out, err
	}
	f, err := object.Read(nil)
	if err != nil {
		return out, err
	}
	if out.Picture && (!f.Has(tag.Rows) || !f.Has(tag.Columns)) {
		out.Picture, out.Rendered = false, ""
	}
	if doc, notSR := sr.Parse(f.Dataset); notSR == nil {
		out.Title = doc.Root.Concept.Meaning
		out.SR = []face.Node{tree(doc.Root)}
	}
	out.Header = header(f.Dataset)
	return out, nil
}

// look says how an object can be looked at, and what stands behind it.
func (v objectsView) look(ctx context.Context, i archive.Instance, out *web.Object) error {
	out.Study, out.Series = i.Study.String(), i.Series.String()
	rendered := dicomwebRoot + "/studies/" + out.Study + "/series/" + out.Series + "/instances/" + i.SOP.String() + "/rendered"
	next, err := v.Archive.Instances(ctx, at, i.Study, i.Series, &i, 1)
	if err != nil {
		return err
	}
	if len(next) > 0 {
		out.Next = next[0].SOP.String()
	}
	if out.Blind, err = v.blind(ctx, i); err != nil || out.Blind != "" {
		return errors.Join(err, v.droppedOf(ctx, i, out))
	}
	out.Rendered, out.Picture = rendered, len(documents{v.house}.MediaTypes(i.SOPClass)) == 0
	return nil
}

// droppedOf says by which rule the pixels of an instance were dropped, if they were.
func (v *view) droppedOf(ctx context.Context, i archive.Instance, out *web.Object) error {
	r, reduced, err := v.Archive.Reduced(ctx, at, i.SOP)
	if reduced {
		out.Dropped = &web.DroppedPixels{At: r.At, Size: r.Length, SHA256: hex.EncodeToString(r.SHA256[:]), Policy: r.Policy}
	}
	return err
}

// blind returns why there is no picture of an instance: reduced, if only its header is
// kept, or syntax, if nobody here decodes its pixels; "" if nothing stands against one.
func (v *view) blind(ctx context.Context, i archive.Instance) (string, error) {
	_, reduced, err := v.Archive.Reduced(ctx, at, i.SOP)
	switch {
	case err != nil:
		return "", err
	case reduced:
		return "reduced", nil
	case len(documents{v.house}.MediaTypes(i.SOPClass)) == 0 && !pixel.CanDecode(i.TransferSyntax) && encapsulatedSyntax(i.TransferSyntax):
		return "syntax", nil
	}
	return "", nil
}

// encapsulatedSyntax reports whether pixels are compressed in a transfer syntax.
func encapsulatedSyntax(u uid.UID) bool {
	s, ok := uid.SyntaxOf(u)
	return !ok || s.Encapsulated
}

// open opens an object for a person who may see it.
func (v objectsView) open(ctx context.Context, who web.Person, name string) (archive.Object, error) {
	sop, err := uid.Parse(name)
	if err != nil {
		return archive.Object{}, notFound("object")
	}
	instance, err := v.Archive.Instance(ctx, at, sop)
	if err != nil {
		return archive.Object{}, err
	}
	_ = who // the context says who asks
	if err := v.mayStudy(ctx, access.ObjectRead, instance.Study); err != nil {
		return archive.Object{}, err
	}
	return v.Archive.OpenInstance(ctx, instance)
}

// File implements web.Objects.
func (v objectsView) File(ctx context.Context, who web.Person, name string, original bool) (io.ReadCloser, error) {
	object, err := v.open(ctx, who, name)
	if err == nil && original && object.Instance.Corrected() != "" {
		object, err = v.asReceived(ctx, object)
	}
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{object.Reader(), object}, nil
}

// tree makes nodes of a content tree.
func tree(i *sr.Item) face.Node {
	n := face.Node{Label: cmp.Or(i.Concept.Meaning, i.Concept.Value, i.ValueType), Value: i.Value(), Path: i.Path, Note: strings.ToLower(i.Relationship + " " + i.ValueType)}
	if i.Concept.Value != "" {
		n.Note += " (" + i.Concept.Value + ", " + i.Concept.Scheme + ")"
	}
	for _, r := range i.References {
		if to := objectLink(r); to != "" {
			n.Links = append(n.Links, face.Link{Text: r.SOPInstance, Href: to})
		}
	}
	if len(n.Links) > 0 && n.Value != "" && len(n.Links) == len(i.References) {
		n.Value = "" // the links say it
	}
	n.Open = len(strings.Split(i.Path, ".")) < 3
	for _, c := range i.Children {
		n.Children = append(n.Children, tree(c))
	}
	return n
}

// header makes nodes of a data set. What text stands there is shown as it is.
func header(d *dicom.Dataset) []face.Node {
	var root []face.Node
	stack := []*[]face.Node{&root}
	for line := range dicom.Lines(d) {
		stack = stack[:min(line.Depth+1, len(stack))]
		list := stack[len(stack)-1]
		n := face.Node{Label: line.Name, Value: line.Value, Note: strings.TrimSpace(line.Tag.String() + " " + line.VR.String())}
		if line.VR == 0 {
			n.Note = ""
		}
		*list = append(*list, n)
		stack = append(stack, &(*list)[len(*list)-1].Children)
	}
	return root
}

// asReceived opens an object with what was wrong about its patient, for those who may
// correct it.
func (v objectsView) asReceived(ctx context.Context, o archive.Object) (archive.Object, error) {
	defer o.Close()
	if err := may(ctx, access.LinkChange); err != nil {
		return archive.Object{}, err
	}
	i, err := v.Archive.Instance(ctx, at, o.Instance.SOP)
	if err != nil {
		return archive.Object{}, err
	}
	return v.Archive.OpenReceived(ctx, i)
}
