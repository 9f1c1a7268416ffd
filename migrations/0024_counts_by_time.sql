-- What cameras counted by five minutes goes with the long timer, which looks here.
CREATE INDEX camera_flow_at ON camera_flow (at_s);
