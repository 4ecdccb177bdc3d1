-- +goose Up

-- Human: no rebuild touches these tables.

-- What a site says of its documents, the newest.
create table document (
    document_id text primary key,
    site_id     text not null,
    number      bigint not null, -- within the site, never given twice
    withdrawn   boolean not null,
    body        text not null, -- JSON: title, kind, owner, who reads it, where it is used
    changed_by  text not null,
    changed_at  bigint not null
);
create unique index document_number on document (site_id, number);

-- Versions of a document. What a version says never changes; what people decide of it is
-- written beside.
create table document_version (
    document_id text not null,
    site_id     text not null,
    version     bigint not null,
    label       text not null, -- as the site calls it, such as 2.1
    change      text not null, -- what is new, in words
    link        text not null, -- where it is kept elsewhere, '' if here
    file_name   text not null, -- '' without a file
    media_type  text not null,
    bytes       bigint not null,
    digest      text not null, -- SHA-256 of the file, hexadecimal
    content     bytea not null,
    made_by     text not null,
    made_at     bigint not null,
    made_day    text not null,
    approved_by text not null, -- '' until a second person approves
    approved_at bigint not null,
    approved_day text not null,
    primary key (document_id, version)
);
create index document_version_site on document_version (site_id, document_id, version);

-- Reviews: somebody looked, and the version in force stays good until a day.
create table document_review (
    review_id   text primary key,
    document_id text not null,
    site_id     text not null,
    version     bigint not null,
    day         text not null, -- 2006-01-02
    next_day    text not null,
    expert      boolean not null, -- with the medical physics expert
    note        text not null,
    done_by     text not null,
    done_at     bigint not null
);
create index document_review_site on document_review (site_id, document_id, done_at);

-- Who confirmed to have read which version.
create table document_reading (
    document_id text not null,
    site_id     text not null,
    version     bigint not null,
    account     text not null,
    read_at     bigint not null,
    primary key (document_id, version, account)
);
create index document_reading_site on document_reading (site_id, account);

-- +goose Down
drop table document_reading;
drop table document_review;
drop table document_version;
drop table document;
