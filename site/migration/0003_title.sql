-- +goose Up
-- What else this program is called, and what it does under that name.
create table site_title (
    site_id  text not null,
    ae_title text not null,
    services text not null, -- store, find, retrieve, worklist, mpps, commitment, between spaces
    keep     text not null, -- '' everything; reports: takes structured reports alone
    callers  text not null, -- titles of the peers that may call it, one a line; '' : every peer that is let in
    note     text not null,
    decided_by text not null,
    decided_at bigint not null,
    primary key (site_id, ae_title)
);

-- +goose Down
drop table site_title;
