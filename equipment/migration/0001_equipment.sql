-- +goose Up

-- Human: no rebuild touches these tables.

-- What a site says of its devices, the newest.
create table equipment_device (
    device_id   text primary key,
    site_id     text not null,
    name        text not null, -- by which the site calls it, such as CT-1
    machine_id  text not null, -- of room site, '' if no object named it yet
    body        text not null, -- JSON: what else the register tells
    changed_by  text not null,
    changed_at  bigint not null
);
create unique index equipment_device_name on equipment_device (site_id, name);

-- What a site says of a test of a device: its interval and its levels.
create table equipment_plan (
    site_id    text not null,
    device_id  text not null,
    test       text not null,
    body       text not null, -- JSON
    changed_by text not null,
    changed_at bigint not null,
    primary key (site_id, device_id, test)
);

-- Results of tests, never changed.
create table equipment_result (
    result_id text primary key,
    site_id   text not null,
    device_id text not null,
    test      text not null,
    due       text not null, -- 2006-01-02, '' if it was not due
    done      text not null, -- 2006-01-02
    value     text not null, -- as typed
    verdict   text not null, -- pass, action, suspension, fail
    levels    text not null, -- JSON: the levels of that day
    note      text not null,
    done_by   text not null, -- account
    done_at   bigint not null
);
create index equipment_result_device on equipment_result (site_id, device_id, test, done);

-- Changes of a device that ask for tests.
create table equipment_change (
    change_id text primary key,
    site_id   text not null,
    device_id text not null,
    kind      text not null, -- software, tube, detector, calibration
    day       text not null,
    note      text not null,
    done_by   text not null,
    done_at   bigint not null
);
create index equipment_change_device on equipment_change (site_id, device_id, day);

-- One picture of each device.
create table equipment_photo (
    site_id    text not null,
    device_id  text not null,
    media_type text not null, -- image/jpeg, image/png
    content    bytea not null,
    taken_by   text not null,
    taken_at   bigint not null,
    primary key (site_id, device_id)
);

-- +goose Down
drop table equipment_photo;
drop table equipment_change;
drop table equipment_result;
drop table equipment_plan;
drop table equipment_device;
