-- SPDX-License-Identifier: GPL-2.0-only
--
-- Wireshark dissector for virtio-msg: captures of "vmsgctl capture", link type
-- USER0. Wireshark 4.0 or newer. Copy it, or a link to it, to the folder that
-- "Personal Lua Plugins" names in Help > About > Folders, or
--
--   tshark -X lua_script:virtio_msg.lua -r bus.pcapng
--
-- The header of a packet is described in tracing.rst, the messages in wire.rst,
-- both in Documentation/driver-api/virtio/virtio-msg/.
--
-- A frame can hold anything. Every read is checked against what is there, by the
-- object "cursor" below; nothing else touches the bytes of a message.

local proto = Proto("vmsg", "virtio-msg")

local HEAD_LEN = 24
local KIND_FRAME, KIND_QUEUE, KIND_STATE, KIND_END = 0, 1, 2, 3
local TO_DEVICE, TO_DRIVER = 0, 1
local EVENT_BASE, IMPL_REQUEST_BASE, IMPL_EVENT_BASE = 0x40, 0x80, 0xc0

-- The wire revisions: headers, and where their payloads differ.
local WIRES = {
	[0] = { name = "rfc2", hdr = 6, size_at = 4 },
	[1] = { name = "v1", hdr = 8, size_at = 6, xid_at = 4, xid_len = 2, vq_wide = true },
	[2] = { name = "v2", hdr = 8, size_at = 6, xid_at = 4, xid_len = 2,
		vq_wide = true, next_first = true, uuid = true, vq_op = true, shm_wide = true },
	[3] = { name = "xid32", hdr = 12, size_at = 4, result_at = 6, xid_at = 8, xid_len = 4,
		vq_wide = true, next_first = true, uuid = true, vq_op = true, shm_wide = true,
		exact = true },
}

local DEVICE_NAMES = {
	[0x02] = "GET_DEVICE_INFO", [0x03] = "GET_DEVICE_FEATURES",
	[0x04] = "SET_DRIVER_FEATURES", [0x05] = "GET_CONFIG", [0x06] = "SET_CONFIG",
	[0x07] = "GET_DEVICE_STATUS", [0x08] = "SET_DEVICE_STATUS", [0x09] = "GET_VQUEUE",
	[0x0a] = "SET_VQUEUE", [0x0b] = "RESET_VQUEUE", [0x0c] = "GET_SHM",
	[0x40] = "EVENT_CONFIG", [0x41] = "EVENT_AVAIL", [0x42] = "EVENT_USED",
}
local BUS_NAMES = { [0x02] = "GET_DEVICES", [0x03] = "PING", [0x40] = "EVENT_DEVICE" }

local KINDS = { [0] = "frame", [1] = "notification word", [2] = "bus state",
	[3] = "end of a transaction" }
local DIRECTIONS = { [0] = "driver to device", [1] = "device to driver", [2] = "none" }
local WIRE_NAMES = { [0] = "rfc2", [1] = "v1", [2] = "v2", [3] = "xid32", [4] = "not known" }
local RESULTS = { [0] = "ok", [1] = "no such device", [2] = "unknown message",
	[3] = "bad argument", [4] = "wrong state", [5] = "busy" }
local STATES = { [0] = "new", [1] = "waiting", [2] = "running", [3] = "suspended",
	[4] = "away", [5] = "lost", [6] = "dead", [7] = "stopped" }
local RUNNING, SUSPENDED = 2, 3
local DEVICE_STATES = { [1] = "ready", [2] = "removed" }
-- What Linux calls them, as far as they are met here; the numbers are its own.
local ERRORS = { [-2] = "ENOENT", [-5] = "EIO", [-11] = "EAGAIN", [-16] = "EBUSY",
	[-19] = "ENODEV", [-22] = "EINVAL", [-74] = "EBADMSG", [-90] = "EMSGSIZE",
	[-107] = "ENOTCONN", [-108] = "ESHUTDOWN", [-110] = "ETIMEDOUT", [-121] = "EREMOTEIO",
	[-125] = "ECANCELED", [-512] = "ERESTARTSYS" }
local DEVICE_IDS = { [1] = "net", [2] = "block", [3] = "console", [4] = "entropy",
	[5] = "balloon", [7] = "rpmsg", [8] = "scsi", [9] = "9p", [16] = "gpu", [17] = "rtc",
	[18] = "input", [19] = "vsock", [20] = "crypto", [23] = "iommu", [24] = "mem",
	[25] = "sound", [26] = "fs", [27] = "pmem", [32] = "scmi", [34] = "i2c", [41] = "gpio" }

-- ---------------------------------------------------------------- fields --

local f = {}
local fields = {}

local function field(key, make, abbrev, name, ...)
	f[key] = make("vmsg." .. abbrev, name, ...)
	fields[#fields + 1] = f[key]
end

local u8, u16, u32, u64 = ProtoField.uint8, ProtoField.uint16, ProtoField.uint32, ProtoField.uint64

field("version", u8, "head.version", "Version of the packet header")
field("head_len", u8, "head.len", "Length of the packet header")
field("kind", u8, "kind", "Kind", base.DEC, KINDS)
field("dir", u8, "dir", "Direction", base.DEC, DIRECTIONS)
field("wire", u8, "wire", "Wire revision", base.DEC, WIRE_NAMES)
field("cut", ProtoField.bool, "cut", "The frame was cut by the tracepoint", 8, nil, 0x01)
field("bus", u32, "bus", "Bus")
field("ret", ProtoField.int32, "ret", "Return value")
field("orig_len", u32, "orig_len", "Length of the frame, padding included")
field("took", u32, "took", "Time for sending (ns)")

field("type", u8, "type", "Type", base.HEX)
field("response", ProtoField.bool, "response", "Response", 8, nil, 0x01)
field("bus_msg", ProtoField.bool, "bus_msg", "Bus message", 8, nil, 0x02)
field("type_rest", u8, "type.reserved", "Reserved bits", base.HEX, nil, 0xfc)
field("msg_id", u8, "msg_id", "Message number", base.HEX)
field("name", ProtoField.string, "name", "Message")
field("dev", u16, "dev", "Device number")
field("size", u16, "size", "Message size")
field("result", u16, "result", "Result", base.DEC, RESULTS)
field("xid", u32, "xid", "Transaction ID")
field("token", u16, "token", "Token")
field("padding", ProtoField.bytes, "padding", "Padding")
field("rest", ProtoField.bytes, "rest", "Bytes that the message does not need")

field("request_in", ProtoField.framenum, "request_in", "Request in", base.NONE, frametype.REQUEST)
field("response_in", ProtoField.framenum, "response_in", "Response in", base.NONE, frametype.RESPONSE)
field("latency", ProtoField.relative_time, "latency", "Time from request to response")

field("device_id", u32, "info.device_id", "Virtio device ID", base.DEC, DEVICE_IDS)
field("vendor", u32, "info.vendor", "Vendor ID", base.HEX)
field("uuid", ProtoField.bytes, "info.uuid", "UUID")
field("feature_count", u32, "info.features", "Number of feature bits")
field("feature_blocks", u32, "info.feature_blocks", "Number of feature blocks")
field("config_size", u32, "info.config_size", "Size of the configuration")
field("max_vqs", u32, "info.max_vqs", "Number of queues")
field("admin_start", u32, "info.admin_vq_start", "First admin queue")
field("admin_count", u32, "info.admin_vq_count", "Admin queues")
field("block", u32, "features.block", "First block")
field("blocks", u32, "features.blocks", "Number of blocks")
field("features", u32, "features.bits", "Features", base.HEX)
field("offset", u32, "config.offset", "Offset")
field("length", u32, "config.length", "Length")
field("generation", u32, "config.generation", "Generation")
field("data", ProtoField.bytes, "config.data", "Data")
field("status", u32, "status", "Device status", base.HEX)
for i, s in ipairs({ { 0x01, "acknowledge", "ACKNOWLEDGE" }, { 0x02, "driver", "DRIVER" },
	{ 0x04, "driver_ok", "DRIVER_OK" }, { 0x08, "features_ok", "FEATURES_OK" },
	{ 0x40, "needs_reset", "NEEDS_RESET" }, { 0x80, "failed", "FAILED" } }) do
	field("status" .. i, ProtoField.bool, "status." .. s[2], s[3], 32, nil, s[1])
end
field("vq", u32, "vq", "Queue")
field("vq_max", u32, "vq.max_size", "Largest size")
field("vq_size", u32, "vq.size", "Size")
field("vq_flags", u32, "vq.flags", "Flags", base.HEX)
field("vq_enabled", ProtoField.bool, "vq.enabled", "Enabled", 32, nil, 0x1)
field("vq_op", u32, "vq.operation", "Operation", base.DEC, { [1] = "enable" })
field("vq_desc", u64, "vq.desc", "Descriptors", base.HEX)
field("vq_driver", u64, "vq.driver", "Driver area", base.HEX)
field("vq_device", u64, "vq.device", "Device area", base.HEX)
field("area", u16, "area", "Area")
field("reserved", u32, "reserved", "Reserved", base.HEX)
field("shm", u32, "shm.id", "Shared memory region")
field("shm_len32", u32, "shm.length32", "Length")
field("shm_addr32", u32, "shm.address32", "Address", base.HEX)
field("shm_len", u64, "shm.length", "Length")
field("shm_addr", u64, "shm.address", "Address", base.HEX)
field("next", u32, "avail.next", "Next available", base.HEX)
field("wrap", ProtoField.bool, "avail.wrap", "Wrap counter", 32, nil, 0x80000000)
field("devs_offset", u16, "devices.offset", "First device number")
field("devs_count", u16, "devices.count", "How many numbers")
field("devs_next", u16, "devices.next", "Where to ask next")
field("devs_map", ProtoField.bytes, "devices.bitmap", "Bitmap")
field("present", u16, "devices.present", "Device")
field("ping", u32, "ping", "Data", base.HEX)
field("event_dev", u16, "event.dev", "Device number")
field("event_state", u16, "event.state", "State", base.DEC, DEVICE_STATES)
field("from", u8, "state.from", "From", base.DEC, STATES)
field("to", u8, "state.to", "To", base.DEC, STATES)
field("age", u64, "age", "Age (ns)")

proto.fields = fields

local function new_expert(abbrev, text, group, severity)
	return ProtoExpert.new("vmsg.expert." .. abbrev, text, group, severity)
end

local x = {
	malformed = new_expert("malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
	refused = new_expert("refused", "Refused", expert.group.RESPONSE_CODE, expert.severity.WARN),
	orphan = new_expert("no_request", "No request for this response", expert.group.SEQUENCE,
		expert.severity.WARN),
	failed = new_expert("no_response", "No response", expert.group.SEQUENCE, expert.severity.ERROR),
	unsent = new_expert("not_sent", "Not sent", expert.group.SEQUENCE, expert.severity.NOTE),
}
proto.experts = { x.malformed, x.refused, x.orphan, x.failed, x.unsent }

-- ---------------------------------------------------------------- cursor --

-- Reads forward through a part of the packet, which may be too short.
local Cursor = {}
Cursor.__index = Cursor

local function cursor(tvb, from, to, tree)
	return setmetatable({ tvb = tvb, at = from, to = math.min(to, tvb:len()), tree = tree,
		short = false }, Cursor)
end

function Cursor:left()
	return self.to - self.at
end

-- The range of the next len bytes, or nil, for ever, once there are too few.
function Cursor:take(len)
	if self.short or self:left() < len then
		self.short = true
		return nil
	end
	local r = self.tvb:range(self.at, len)
	self.at = self.at + len
	return r
end

-- Put the next len bytes as a field into the tree; its number, or nil.
function Cursor:num(fld, len, tree)
	local r = self:take(len)

	if not r then
		return nil
	end
	local item = (tree or self.tree):add_le(fld, r)
	if len == 8 then
		return r:le_uint64(), item, r
	end
	return r:le_uint(), item, r
end

function Cursor:bytes(fld, len, tree)
	local r = len > 0 and self:take(len)

	return r and (tree or self.tree):add(fld, r) or nil
end

-- An address: its area is in the upper 16 bits.
function Cursor:addr(fld)
	local _, item, r = self:num(fld, 8)

	if r then
		item:add_le(f.area, r:range(6, 2)):set_generated()
	end
end

-- ---------------------------------------------------------------- payload --

local function fmt(format, ...)
	local args = { ... }

	for i = 1, select("#", ...) do
		if args[i] == nil then
			return ""
		end
	end
	return string.format(format, ...)
end

local function feature_words(c, block)
	local set, n = {}, 0

	while c:left() >= 4 do
		local v, item = c:num(f.features, 4)
		local bits = {}
		for bit = 0, 31 do
			if v % 2 == 1 then
				bits[#bits + 1] = tostring(((block or 0) + n) * 32 + bit)
			end
			v = math.floor(v / 2)
		end
		item:append_text(#bits > 0 and ", bits " .. table.concat(bits, ", ") or "")
		set[#set + 1] = table.concat(bits, ",")
		n = n + 1
	end
	return n > 0 and " bits {" .. table.concat(set, ",") .. "}" or ""
end

local function status_word(c)
	local v, item, r = c:num(f.status, 4)

	if not v then
		return ""
	end
	for i = 1, 6 do
		item:add_le(f["status" .. i], r)
	end
	return string.format(" status 0x%x", v)
end

-- Data behind its length; in xid32 the message size tells the length.
local function config_data(c, w, len, where)
	if w.exact then
		len = c:left()
	end
	if len and len > c:left() then
		where.bad = string.format("%d bytes of data are announced, %d are there", len, c:left())
		len = c:left()
	end
	c:bytes(f.data, len or 0)
	return len or 0
end

-- Decoders of payloads: [message]{request, response}. Each gets a cursor over the
-- payload, the wire revision and a table for what it finds wrong, and returns text
-- for the Info column.
local function no_payload()
	return ""
end

local dev_msgs, bus_msgs = {}, {}

dev_msgs[0x02] = { no_payload, function(c, w)
	local id = c:num(f.device_id, 4)
	c:num(f.vendor, 4)
	if w.uuid then
		c:bytes(f.uuid, 16)
		c:num(f.feature_blocks, 4)
	else
		c:num(f.feature_count, 4)
	end
	local size = c:num(f.config_size, 4)
	local vqs = c:num(f.max_vqs, 4)
	c:num(f.admin_start, w.uuid and 4 or 2)
	c:num(f.admin_count, w.uuid and 4 or 2)
	return fmt(" %s config %d queues %d", id and (DEVICE_IDS[id] or "id " .. id), size, vqs)
end }

local function features(with_count, with_data)
	return function(c, w)
		local block, n = c:num(f.block, 4), nil
		if with_count == true or not w.exact then
			n = c:num(f.blocks, 4)
		end
		return fmt(" block %d", block) .. (n and " x " .. n or "") ..
			(with_data and feature_words(c, block) or "")
	end
end

dev_msgs[0x03] = { features(true, false), features(false, true) }
dev_msgs[0x04] = { features(false, true), no_payload }

dev_msgs[0x05] = { function(c)
	local o, n = c:num(f.offset, 4), c:num(f.length, 4)
	return fmt(" offset %d length %d", o, n)
end, function(c, w, where)
	local g, o, n = c:num(f.generation, 4), c:num(f.offset, 4), nil
	if not w.exact then
		n = c:num(f.length, 4)
	end
	n = config_data(c, w, n, where)
	return fmt(" offset %d length %d generation %d", o, n, g)
end }

dev_msgs[0x06] = { dev_msgs[0x05][2], function(c, w, where)
	local g, o, n = c:num(f.generation, 4), c:num(f.offset, 4), nil
	if not w.exact then
		n = c:num(f.length, 4)
	end
	-- The older revisions may leave the data out.
	if w.exact or c:left() >= (n or 0) then
		n = config_data(c, w, n, where)
	end
	return fmt(" offset %d length %d generation %d", o, n, g) ..
		(n == 0 and not c.short and " rejected" or "")
end }

dev_msgs[0x07] = { no_payload, status_word }
dev_msgs[0x08] = { status_word, status_word }

local function queue_index(c)
	return fmt(" queue %d", (c:num(f.vq, 4)))
end

dev_msgs[0x09] = { queue_index, function(c, w)
	local q, max, size = c:num(f.vq, 4), c:num(f.vq_max, 4), c:num(f.vq_size, 4)
	if w.vq_op then
		local _, item, r = c:num(f.vq_flags, 4)
		if r then
			item:add_le(f.vq_enabled, r)
		end
	elseif w.vq_wide then
		c:num(f.reserved, 4)
	end
	c:addr(f.vq_desc)
	c:addr(f.vq_driver)
	c:addr(f.vq_device)
	return fmt(" queue %d max %d size %d", q, max, size)
end }

dev_msgs[0x0a] = { function(c, w)
	local q = c:num(f.vq, 4)
	c:num(w.vq_op and f.vq_op or f.reserved, 4)
	local size = c:num(f.vq_size, 4)
	if w.vq_wide then
		c:num(f.reserved, 4)
	end
	c:addr(f.vq_desc)
	c:addr(f.vq_driver)
	c:addr(f.vq_device)
	return fmt(" queue %d size %d", q, size)
end, no_payload }

dev_msgs[0x0b] = { queue_index, no_payload }

dev_msgs[0x0c] = { function(c)
	return fmt(" region %d", (c:num(f.shm, 4)))
end, function(c, w)
	local id = c:num(f.shm, 4)
	if w.shm_wide then
		c:num(f.reserved, 4)
		c:num(f.shm_len, 8)
		c:addr(f.shm_addr)
	else
		c:num(f.shm_len32, 4)
		c:num(f.shm_addr32, 4)
	end
	return fmt(" region %d", id)
end }

dev_msgs[0x40] = { function(c, w, where)
	local text = status_word(c)
	local g = c:num(f.generation, 4)
	-- Some older peers end here.
	if not w.exact and c:left() == 0 then
		return text .. fmt(" generation %d", g)
	end
	local o, n = c:num(f.offset, 4), nil
	if not w.exact then
		n = c:num(f.length, 4)
	end
	n = config_data(c, w, n, where)
	return text .. fmt(" generation %d offset %d length %d", g, o, n)
end }

dev_msgs[0x41] = { function(c)
	local q = c:num(f.vq, 4)
	local n, item, r = c:num(f.next, 4)
	if r then
		item:add_le(f.wrap, r)
	end
	return fmt(" queue %d", q) .. (n and n ~= 0 and string.format(" next 0x%x", n) or "")
end }

dev_msgs[0x42] = { queue_index }

bus_msgs[0x02] = { function(c)
	local o, n = c:num(f.devs_offset, 2), c:num(f.devs_count, 2)
	return fmt(" from %d, %d", o, n)
end, function(c, w, where)
	local o, n, next = c:num(f.devs_offset, 2), nil, nil
	if w.next_first then
		next = c:num(f.devs_next, 2)
	else
		n = c:num(f.devs_count, 2)
		next = c:num(f.devs_next, 2)
	end
	if w.next_first and not w.exact then
		n = c:num(f.devs_count, 2)
	end
	if next and next ~= 0 and next <= o then
		where.bad = string.format("next is %d, which is not above the offset %d", next, o)
	end
	local bytes = c:left()
	if not w.exact and n then
		bytes = math.min(bytes, math.ceil(n / 8))
	end
	local item, found = c:bytes(f.devs_map, bytes), {}
	if item then
		local map = c.tvb:range(c.at - bytes, bytes)
		for i = 0, bytes - 1 do
			local v = map:range(i, 1):uint()
			for bit = 0, 7 do
				local num = o + 8 * i + bit
				if v % 2 == 1 and num <= 0xffff then
					found[#found + 1] = num
					item:add(f.present, map:range(i, 1), num)
				end
				v = math.floor(v / 2)
			end
		end
	end
	local text = #found > 8 and #found .. " devices" or table.concat(found, " ")
	return fmt(" from %d: %s, next %d", o, text == "" and "none" or text, next)
end }

bus_msgs[0x03] = { function(c)
	return fmt(" 0x%x", (c:num(f.ping, 4)))
end }
bus_msgs[0x03][2] = bus_msgs[0x03][1]

bus_msgs[0x40] = { function(c)
	local d, s = c:num(f.event_dev, 2), c:num(f.event_state, 2)
	return fmt(" device %d %s", d, s and (DEVICE_STATES[s] or "state " .. s))
end }

-- ---------------------------------------------------------------- matching --

-- By frame number: the request of a response, the response of a request, and
-- what became of a request that has none. Filled while packets are read for the
-- first time.
local request_of, response_of, fate_of = {}, {}, {}
-- Of each bus: requests without a response yet, oldest first.
local pending = {}

function proto.init()
	request_of, response_of, fate_of, pending = {}, {}, {}, {}
end

-- May the response m be the one to the request r?
local function answers(r, m)
	if r.asked_by == m.sent_by or r.bus_msg ~= m.bus_msg or r.msg_id ~= m.msg_id then
		return false
	end
	-- rfc2 has no transaction ID, and some peers that speak v1 leave it out of
	-- responses to bus messages.
	if not m.wire.xid_at or (m.xid == 0 and not m.wire.exact and m.bus_msg) then
		return m.bus_msg or r.dev == m.dev or m.wire.name == "rfc2"
	end
	return r.xid == m.xid and r.dev == m.dev
end

local function remember(m, number, time)
	local waiting = pending[m.bus] or {}

	pending[m.bus] = waiting
	if m.kind == "request" then
		waiting[#waiting + 1] = { number = number, time = time, asked_by = m.sent_by,
			bus_msg = m.bus_msg, msg_id = m.msg_id, dev = m.dev, xid = m.xid }
	elseif m.kind == "response" then
		for i, r in ipairs(waiting) do
			if answers(r, m) then
				table.remove(waiting, i)
				request_of[number] = { number = r.number, latency = time - r.time }
				response_of[r.number] = { number = number, latency = time - r.time }
				return
			end
		end
	end
end

-- A transaction of the driver side has ended without a response.
local function give_up(bus, t)
	local waiting = pending[bus] or {}

	for i, r in ipairs(waiting) do
		if r.asked_by == TO_DEVICE and r.bus_msg == t.bus_msg and r.msg_id == t.msg_id and
		   r.dev == t.dev and (r.xid == t.xid or r.xid == 0) then
			table.remove(waiting, i)
			fate_of[r.number] = ERRORS[t.status] or tostring(t.status)
			return
		end
	end
end

local function forget(bus, why)
	for _, r in ipairs(pending[bus] or {}) do
		fate_of[r.number] = why
	end
	pending[bus] = nil
end

local function time_span(seconds)
	local neg = seconds < 0
	local ns = math.floor(math.abs(seconds) * 1e9 + 0.5)
	local s = math.floor(ns / 1000000000)

	ns = ns - s * 1000000000
	return neg and NSTime.new(-s, -ns) or NSTime.new(s, ns)
end

local function show_match(tree, info, number)
	local r, a = request_of[number], response_of[number]

	if r then
		tree:add(f.request_in, r.number):set_generated()
		tree:add(f.latency, time_span(r.latency)):set_generated()
		info[#info + 1] = string.format(" [%.3f ms]", r.latency * 1000)
	end
	if a then
		tree:add(f.response_in, a.number):set_generated()
	end
	if fate_of[number] then
		tree:add_proto_expert_info(x.failed, "No response: " .. fate_of[number])
		info[#info + 1] = " [no response: " .. fate_of[number] .. "]"
	end
end

-- ---------------------------------------------------------------- packets --

local function bad(tree, info, text)
	tree:add_proto_expert_info(x.malformed, text)
	info[#info + 1] = " [malformed: " .. text .. "]"
end

local function message_name(bus_msg, id)
	local name = (bus_msg and BUS_NAMES or DEVICE_NAMES)[id]

	if name then
		return name
	end
	if id >= IMPL_EVENT_BASE then
		return string.format("implementation event 0x%02x", id)
	elseif id >= IMPL_REQUEST_BASE then
		return string.format("implementation request 0x%02x", id)
	end
	return string.format("unknown 0x%02x", id)
end

local function is_event(id)
	return (id >= EVENT_BASE and id < IMPL_REQUEST_BASE) or id >= IMPL_EVENT_BASE
end

-- The common header; a table of what it says, or nil and why not.
local function header(c, w, tree)
	local start, m = c.at, { wire = w }
	local t, item, r = c:num(f.type, 1, tree)

	if c:left() + 1 < w.hdr then
		return nil, string.format("%d bytes are fewer than the %d of a header of %s",
			c.to - start, w.hdr, w.name)
	end
	item:add(f.response, r)
	item:add(f.bus_msg, r)
	if t >= 4 then
		item:add(f.type_rest, r)
	end
	m.response = t % 2 == 1
	m.bus_msg = math.floor(t / 2) % 2 == 1
	m.msg_id, item = c:num(f.msg_id, 1, tree)
	m.name = message_name(m.bus_msg, m.msg_id)
	item:append_text(" (" .. m.name .. ")")
	tree:add(f.name, c.tvb:range(start, 2), m.name):set_generated()
	m.dev = c:num(f.dev, 2, tree)
	m.xid, m.result = 0, 0
	while c.at < start + w.hdr do
		local at = c.at - start
		if at == w.size_at then
			m.size = c:num(f.size, 2, tree)
		elseif at == w.xid_at then
			m.xid = c:num(w.xid_len == 4 and f.xid or f.token, w.xid_len, tree)
		elseif at == w.result_at then
			m.result = c:num(f.result, 2, tree)
		end
	end
	m.kind = m.response and "response" or is_event(m.msg_id) and "event" or "request"
	return m
end

-- What the driver would not take: text, or nil.
local function header_fault(m, len, cut)
	if m.size < m.wire.hdr then
		return string.format("message size %d is less than the header", m.size)
	elseif m.size > len and not cut then
		return string.format("message size %d is more than the %d bytes there are", m.size, len)
	elseif m.result ~= 0 and not m.response then
		return string.format("result %d in a message that is no response", m.result)
	elseif m.wire.exact and m.bus_msg and m.dev ~= 0 then
		return "a bus message with a device number"
	elseif m.wire.exact and m.kind == "event" and m.xid ~= 0 then
		return "an event with a transaction ID"
	elseif m.wire.exact and m.kind == "request" and m.xid == 0 then
		return "a request without a transaction ID"
	end
end

local function payload(c, m, tree, info)
	local known = (m.bus_msg and bus_msgs or dev_msgs)[m.msg_id]
	local decode = known and known[m.response and 2 or 1]
	local where = {}

	if m.response and m.result ~= 0 then
		local text = RESULTS[m.result] or "result " .. m.result
		tree:add_proto_expert_info(x.refused, "Refused: " .. text)
		info[#info + 1] = " refused: " .. text
		if c:left() > 0 then
			bad(tree, info, "a refusal with a payload")
		end
		return
	end
	if not decode then
		c:bytes(f.rest, c:left())
		return
	end
	if m.response and decode ~= no_payload and c:left() == 0 and not m.wire.exact then
		tree:add_proto_expert_info(x.refused, "Refused: header only")
		info[#info + 1] = " refused"
		return
	end
	info[#info + 1] = decode(c, m.wire, where)
	if c.short then
		where.bad = where.bad or "the payload is too short"
	end
	if c:left() > 0 and not c.short then
		if m.wire.exact then
			where.bad = where.bad or string.format("%d bytes too many", c:left())
		end
		c:bytes(f.rest, c:left())
	end
	if where.bad then
		bad(tree, info, where.bad)
	end
end

local function frame(tvb, at, pinfo, tree, info, p)
	local w = WIRES[p.wire]
	local len = tvb:len() - at

	if not w then
		tree:add(f.rest, tvb:range(at, len))
		return bad(tree, info, "the wire revision is not known")
	end
	local c = cursor(tvb, at, tvb:len(), tree)
	local m, why = header(c, w, tree)
	if not m then
		return bad(tree, info, why)
	end
	m.bus, m.sent_by = p.bus, p.dir
	pinfo.cols.protocol = "vmsg " .. w.name
	info[#info + 1] = (m.bus_msg and "" or "device " .. m.dev .. " ") .. m.name ..
		(m.response and " response" or "") .. (m.xid ~= 0 and " #" .. m.xid or "")
	why = header_fault(m, len, p.cut)
	if why then
		return bad(tree, info, why)
	end
	if not pinfo.visited and p.ret == 0 then
		remember(m, pinfo.number, pinfo.rel_ts)
	end
	local sub = cursor(tvb, c.at, at + m.size, tree)
	if p.cut then
		sub:bytes(f.rest, sub:left())
	else
		payload(sub, m, tree, info)
	end
	if m.size < len then
		tree:add(f.padding, tvb:range(at + m.size, len - m.size))
	end
	if p.dir == TO_DEVICE and p.ret ~= 0 then
		local text = ERRORS[p.ret] or tostring(p.ret)
		tree:add_proto_expert_info(x.unsent, "Not sent: " .. text)
		info[#info + 1] = " [not sent: " .. text .. "]"
	elseif p.ret ~= 0 then
		bad(tree, info, "the driver refused it: " .. (ERRORS[p.ret] or tostring(p.ret)))
	end
	show_match(tree, info, pinfo.number)
	if m.response and p.ret == 0 and not request_of[pinfo.number] then
		tree:add_proto_expert_info(x.orphan)
		info[#info + 1] = " [no request]"
	end
end

local function word(c, p)
	local dev, vq = c:num(f.dev, 2), c:num(f.vq, 2)

	return fmt("device %d " .. (p.dir == TO_DEVICE and "kick" or "used buffers") ..
		" queue %d, by word", dev, vq)
end

local function state(c, p, visited)
	local from, to = c:num(f.from, 1), c:num(f.to, 1)

	-- What was in flight then, the driver has ended.
	if to and to ~= RUNNING and to ~= SUSPENDED and not visited then
		forget(p.bus, "the bus is " .. (STATES[to] or to))
	end
	return fmt("bus %s -> %s", from and (STATES[from] or from), to and (STATES[to] or to))
end

local function ended(c, p, visited)
	local t, item, r = c:num(f.type, 1)
	local id, dev, xid = c:num(f.msg_id, 1), c:num(f.dev, 2), c:num(f.xid, 4)
	local age = c:num(f.age, 8)

	if not age then
		return ""
	end
	item:add(f.bus_msg, r)
	local bus_msg = math.floor(t / 2) % 2 == 1
	if not visited then
		give_up(p.bus, { bus_msg = bus_msg, msg_id = id, dev = dev, xid = xid, status = p.ret })
	end
	return string.format("%s%s #%d ended: %s after %s ns", bus_msg and "" or
		"device " .. dev .. " ", message_name(bus_msg, id), xid,
		ERRORS[p.ret] or tostring(p.ret), tostring(age))
end

local function packet_header(tvb, tree)
	local head = tree:add(proto, tvb:range(0, HEAD_LEN), "Packet header")
	local c, p = cursor(tvb, 0, HEAD_LEN, head), {}
	local r

	p.version = c:num(f.version, 1)
	p.len = c:num(f.head_len, 1)
	p.kind = c:num(f.kind, 1)
	p.dir = c:num(f.dir, 1)
	p.wire = c:num(f.wire, 1)
	r = c:take(1)
	head:add(f.cut, r)
	p.cut = r:uint() % 2 == 1
	c:take(2)
	p.bus = c:num(f.bus, 4)
	r = c:take(4)
	head:add_le(f.ret, r)
	p.ret = r:le_int()
	c:num(f.orig_len, 4)
	c:num(f.took, 4)
	return p
end

function proto.dissector(tvb, pinfo, root)
	local tree = root:add(proto, tvb())
	local info, text = {}, nil

	pinfo.cols.protocol = "vmsg"
	if tvb:len() < HEAD_LEN then
		bad(tree, info, string.format("%d bytes are fewer than a packet header", tvb:len()))
	else
		local p = packet_header(tvb, tree)
		local to_device = p.dir == TO_DEVICE

		pinfo.cols.src = to_device and "driver" or p.dir == TO_DRIVER and "device" or "-"
		pinfo.cols.dst = to_device and "device" or p.dir == TO_DRIVER and "driver" or "-"
		if p.version ~= 1 or p.len < HEAD_LEN or p.len > tvb:len() then
			bad(tree, info, string.format("header version %d of %d bytes", p.version, p.len))
		elseif p.kind == KIND_FRAME then
			frame(tvb, p.len, pinfo, tree, info, p)
		elseif p.kind == KIND_QUEUE or p.kind == KIND_STATE or p.kind == KIND_END then
			local c = cursor(tvb, p.len, tvb:len(), tree)
			text = (p.kind == KIND_QUEUE and word or p.kind == KIND_STATE and state or
				ended)(c, p, pinfo.visited)
			info[#info + 1] = text
			if c.short then
				bad(tree, info, "the packet is too short")
			end
		else
			bad(tree, info, "unknown kind " .. p.kind)
		end
	end
	pinfo.cols.info = (table.concat(info):gsub("^ ", ""))
	return tvb:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, proto)
