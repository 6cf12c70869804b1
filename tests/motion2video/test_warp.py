import torch

from emogene.face.landmarks import MOUTH
from emogene.face.mean import mean_face
from emogene.motion2video.warp import Warp


def face() -> torch.Tensor:
    return torch.as_tensor(mean_face()).float()


def test_no_displacement_moves_nothing():
    warp = Warp.fit(face(), torch.zeros(68, 3))
    points = torch.rand(100, 3) * 2 - 1
    assert torch.equal(warp(points), points)
    assert warp.reach == 0


def test_moved_landmarks_are_looked_up_near_where_they_came_from():
    displacement = torch.zeros(68, 3)
    displacement[MOUTH] = torch.tensor([0.0, 0.1, 0.02])
    warp = Warp.fit(face(), displacement)
    back = warp(face() + displacement) - face()
    left = back[MOUTH].norm(dim=1) / displacement[MOUTH].norm(dim=1)
    assert left.max() < 0.5
    assert left.mean() < 0.25
    assert (warp(face())[:27] - face()[:27]).norm(dim=1).max() < 0.05


def test_far_away_nothing_moves():
    warp = Warp.fit(face(), torch.full((68, 3), 0.1))
    far = torch.tensor([[5.0, 0, 0], [0, -5.0, 0], [0, 0, 5.0]])
    assert torch.equal(warp(far), far)


def test_the_fields_frame_is_a_similarity():
    displacement = torch.randn(68, 3, generator=torch.Generator().manual_seed(0)) * 0.05
    centre, radius = (0.1, 0.3, -0.3), 1.85
    plain, framed = Warp.fit(face(), displacement), Warp.fit(face(), displacement, centre, radius)
    points = face() + 0.05
    moved = framed((points - torch.tensor(centre)) / radius) * radius + torch.tensor(centre)
    assert (moved - plain(points)).abs().max() < 1e-5
