"""Pictures that the user has: ImageNet, CUB-200-2011, CelebA and VGGFace2, in the folder that HEATPROOF_DATA names."""
